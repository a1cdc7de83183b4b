# An echo server of Mojolicious, which prints its port.
use Mojolicious::Lite -signatures;
use Mojo::Server::Daemon;
use Mojo::IOLoop;

app->log->level('fatal');

websocket '/' => sub ($c) {
  $c->tx->with_protocols('chat');
  $c->tx->with_compression;
  $c->tx->max_websocket_size(16 * 1024 * 1024);
  $c->on(text => sub ($c, $bytes) {
    return $c->finish(4001 => 'bye') if $bytes eq 'close';
    $c->send({text => $bytes});
  });
  $c->on(binary => sub ($c, $bytes) { $c->send({binary => $bytes}) });
};

my $daemon = Mojo::Server::Daemon->new(app => app, listen => ['http://127.0.0.1'], silent => 1);
$daemon->start;
$| = 1;
print $daemon->ports->[0], "\n";
Mojo::IOLoop->start;
