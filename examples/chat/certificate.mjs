import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** How long the certificate is valid, in ms. */
const VALID = 7 * 24 * 60 * 60 * 1000;

/**
 * Makes a self-signed certificate for localhost, and its key, both as PEM. Node has no call for that, so the
 * certificate is written here byte by byte: DER (X.690) of the structure in RFC 5280 section 4.1. No
 * browser trusts it before its user says so.
 */
export function selfSigned() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const commonName = sequence(oid('550403'), der(0x0c, Buffer.from('localhost')));
  const name = sequence(der(0x31, commonName));
  const now = Date.now();
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)]); // positive, and never the same
  const certificate = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    algorithm,
    name, // the issuer
    sequence(time(now - 60_000), time(now + VALID)), // some clocks are a little slow
    name,
    key,
    der(0xa3, sequence(...extensions(key))),
  );
  const signature = sign('sha256', certificate, privateKey);
  return {
    cert: pem(sequence(certificate, algorithm, bits(signature))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/** The names that it is for, and that it signs no other certificates. */
function extensions(/** @type {Buffer} */ key) {
  const names = sequence(
    der(0x82, Buffer.from('localhost')),
    der(0x87, Buffer.from([127, 0, 0, 1])),
    der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])), // ::1
  );
  const keyId = der(0x04, createHash('sha256').update(key).digest().subarray(0, 20));
  return [
    sequence(oid('551d11'), der(0x04, names)), // subjectAltName
    sequence(oid('551d0e'), der(0x04, keyId)), // subjectKeyIdentifier
    sequence(oid('551d13'), der(0x01, Buffer.from([0xff])), der(0x04, sequence())), // basicConstraints
  ];
}

/** One value: its tag, its length, and its content. */
function der(/** @type {number} */ tag, /** @type {Buffer} */ content) {
  const { length } = content;
  const long = [length >> 8, length & 0xff].filter((byte, index) => index > 0 || byte > 0);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | long.length, ...long];
  return Buffer.concat([Buffer.from(head), content]);
}

function sequence(/** @type {Buffer[]} */ ...values) {
  return der(0x30, Buffer.concat(values));
}

function integer(/** @type {Buffer} */ bytes) {
  return der(0x02, bytes);
}

function oid(/** @type {string} */ hex) {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function bits(/** @type {Buffer} */ bytes) {
  return der(0x03, Buffer.concat([Buffer.alloc(1), bytes]));
}

/** UTCTime, which ends in 2049. */
function time(/** @type {number} */ ms) {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function pem(/** @type {Buffer} */ bytes) {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
