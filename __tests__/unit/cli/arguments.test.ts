import { Arguments, readQuantity, UsageError } from '../../../src/cli/arguments.js';
import { wholeNumber } from '../../../src/cli/quantities.js';

const SPECS = {
  header: { short: 'H', value: 'FIELD', isRepeatable: true, help: 'a field' },
  insecure: { help: 'accept anything' },
  'no-pong': { help: 'answer no Ping' },
  ping: { value: 'SECONDS', help: 'how often' },
} as const;

const parse = (...args: string[]): Arguments => new Arguments(args, SPECS);

describe('the arguments of a command', () => {
  it('has options in any order, and what is not an option', () => {
    const given = parse('--ping', '2', 'ws://a/', '-H', 'A: 1', '--insecure', '--header=B: 2', 'x');
    expect(given.positionals).toEqual(['ws://a/', 'x']);
    expect(given.texts('header')).toEqual(['A: 1', 'B: 2']);
    expect(given.text('ping')).toBe('2');
    expect(given.has('insecure')).toBe(true);
    expect(given.has('no-pong')).toBe(false);
    expect(given.texts('ca')).toEqual([]);
    expect(given.text('ca')).toBeUndefined();
  });

  it('takes the last of an option that is not to be repeated', () => {
    expect(parse('--ping', '1', '--ping', '2').texts('ping')).toEqual(['2']);
  });

  it('takes everything after -- as it is', () => {
    expect(parse('--', '--ping').positionals).toEqual(['--ping']);
  });

  it('reads quantities', () => {
    const given = parse('--ping', '20');
    expect(given.quantity('ping', wholeNumber(0, 30))).toBe(20);
    expect(given.quantity('wait', wholeNumber(0, 30))).toBeUndefined();
    expect(() => given.quantity('ping', wholeNumber(0, 10))).toThrow(
      new UsageError('--ping: expected a whole number from 0 to 10, got "20"'),
    );
    expect(readQuantity('port', '1', wholeNumber(0, 2))).toBe(1);
  });

  it.each([
    [['--pign', '3'], 'unknown option --pign; did you mean --ping?'],
    [['--something'], 'unknown option --something'],
    [['--toString'], 'unknown option --toString'],
    [['-x'], 'unknown option -x'],
    [['--insecure=yes'], '--insecure takes no value, got "yes"'],
    [['--ping'], '--ping needs a value: --ping SECONDS'],
    [['--ping', '--insecure'], '--ping needs a value: --ping SECONDS'],
    [['-H'], '-H needs a value: -H FIELD'],
  ])('%j is wrong: %s', (args, message) => {
    expect(() => parse(...args)).toThrow(new UsageError(message));
  });

  it('lets a value begin with a dash after =', () => {
    expect(parse('--ping=-1').text('ping')).toBe('-1');
  });

  it('has errors of a class of their own', () => {
    expect(new UsageError('x')).toMatchObject({ name: 'UsageError', message: 'x' });
  });
});
