import {
  addressIn,
  AddressLimit,
  canonicalAddress,
  clientOf,
} from '../../../../src/server/admission/address-limit.js';

describe('clientOf', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:51234', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:51234', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::ffff:192.0.2.1', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]:443', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['1::ffff:c000:201', '1:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::fffe:192.0.2.1', '0:0:0:0::/64'],
    ['unknown', 'unknown'],
    ['192.0.2.256', '192.0.2.256'],
    ['1.2.3', '1.2.3'],
    ['2001:db8::1::2', '2001:db8::1::2'],
    ['', ''],
  ])('of %s is %s', (address, client) => {
    expect(clientOf(address)).toBe(client);
  });
});

describe('Addresses', () => {
  it('is full for a client that has as many as it may, and for no other', () => {
    const addresses = new AddressLimit(2);
    addresses.add('192.0.2.1');
    expect(addresses.isFull('192.0.2.1')).toBe(false);
    addresses.add('::ffff:192.0.2.1');
    expect(addresses.isFull('192.0.2.1')).toBe(true);
    expect(addresses.isFull('192.0.2.2')).toBe(false);
    addresses.remove('192.0.2.1');
    expect(addresses.isFull('::ffff:192.0.2.1')).toBe(false);
  });

  it('takes a whole IPv6 network of 64 bits for one client', () => {
    const addresses = new AddressLimit(1);
    addresses.add('2001:db8::1');
    expect(addresses.isFull('2001:db8::ffff:1')).toBe(true);
    expect(addresses.isFull('2001:db8:0:1::1')).toBe(false);
  });

  it('removes a client that has no connection left', () => {
    const addresses = new AddressLimit(5);
    addresses.add('192.0.2.1');
    addresses.add('192.0.2.1');
    addresses.add('192.0.2.2');
    expect(addresses.size).toBe(2);
    addresses.remove('192.0.2.1');
    expect(addresses.size).toBe(2);
    addresses.remove('192.0.2.1');
    addresses.remove('192.0.2.2');
    expect(addresses.size).toBe(0);
  });

  it('counts nothing where there is no address, however low the limit', () => {
    const addresses = new AddressLimit(0);
    addresses.add(undefined);
    expect(addresses.isFull(undefined)).toBe(false);
    addresses.remove(undefined);
    expect(addresses.size).toBe(0);
    expect(addresses.isFull('192.0.2.1')).toBe(true);
  });

  it('counts nothing without a limit', () => {
    const addresses = new AddressLimit(Infinity);
    addresses.add('192.0.2.1');
    expect(addresses.isFull('192.0.2.1')).toBe(false);
    addresses.remove('192.0.2.1');
    expect(addresses.size).toBe(0);
  });
});

describe('Addresses of several servers', () => {
  it('count in each server and together', () => {
    const shared = new AddressLimit(2);
    const [one, other] = [new AddressLimit(Infinity, shared), new AddressLimit(1, shared)];
    one.add('192.0.2.1');
    expect([one, other].map((each) => each.isFull('192.0.2.1'))).toEqual([false, false]);
    other.add('192.0.2.1');
    expect([one, other].map((each) => each.isFull('192.0.2.1'))).toEqual([true, true]);
    one.add(undefined);
    expect([one, other, shared].map(({ total }) => total)).toEqual([2, 1, 3]);
    one.remove('192.0.2.1');
    one.remove(undefined);
    expect([one, other].map((each) => each.isFull('192.0.2.1'))).toEqual([false, true]);
    expect([one, other, shared].map(({ total }) => total)).toEqual([0, 1, 1]);
    other.remove('192.0.2.1');
    expect([one, other, shared].map(({ size }) => size)).toEqual([0, 0, 0]);
  });
});

describe('addressIn', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:80', '192.0.2.1'],
    ['192.0.2.1:_a-b.c', '192.0.2.1'],
    ['"[2001:db8::1]:80"', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['unknown', undefined],
    ['_hidden', undefined],
    ['', undefined],
    ['[192.0.2.1', undefined],
    ['192.0.2.1, 192.0.2.2', undefined],
  ])('of %s is %s', (text, address) => {
    expect(addressIn(text)).toBe(address);
  });
});

describe('canonicalAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['2001:DB8::1', '2001:db8:0:0:0:0:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['unknown', 'unknown'],
  ])('of %s is %s', (text, address) => {
    expect(canonicalAddress(text)).toBe(address);
  });
});
