;; XOR the first $length bytes of memory with a masking key (RFC 6455 section 5.3).
;;
;; $key holds the masking key's first byte in its lowest eight bits, which is how WebAssembly's
;; little-endian memory wants it. The result is not zero if any byte, once unmasked, is 0x80 or
;; more: text without such a byte is ASCII and needs no UTF-8 check.
;;
;; `npm run kernel` turns this file into mask-kernel.ts; a test compares the two.
(module
  (memory (export "memory") 1)
  (func (export "xor") (param $length i32) (param $key i32) (result i32)
    (local $at i32)
    (local $keys v128)
    (local $seen v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $byte i32)
    (local $seenByte i32)
    (local.set $keys (i32x4.splat (local.get $key)))

    ;; 64 bytes a step
    (block $done64
      (loop $next64
        (br_if $done64 (i32.gt_u (i32.add (local.get $at) (i32.const 64)) (local.get $length)))
        (local.set $a (v128.xor (v128.load (local.get $at)) (local.get $keys)))
        (local.set $b (v128.xor (v128.load offset=16 (local.get $at)) (local.get $keys)))
        (local.set $c (v128.xor (v128.load offset=32 (local.get $at)) (local.get $keys)))
        (local.set $d (v128.xor (v128.load offset=48 (local.get $at)) (local.get $keys)))
        (v128.store (local.get $at) (local.get $a))
        (v128.store offset=16 (local.get $at) (local.get $b))
        (v128.store offset=32 (local.get $at) (local.get $c))
        (v128.store offset=48 (local.get $at) (local.get $d))
        (local.set $seen
          (v128.or (local.get $seen)
            (v128.or
              (v128.or (local.get $a) (local.get $b))
              (v128.or (local.get $c) (local.get $d)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $next64)))

    ;; 16 bytes a step
    (block $done16
      (loop $next16
        (br_if $done16 (i32.gt_u (i32.add (local.get $at) (i32.const 16)) (local.get $length)))
        (local.set $a (v128.xor (v128.load (local.get $at)) (local.get $keys)))
        (v128.store (local.get $at) (local.get $a))
        (local.set $seen (v128.or (local.get $seen) (local.get $a)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next16)))

    ;; the last bytes; $at is a multiple of 4 when this begins, so the key starts at its first byte
    (block $done1
      (loop $next1
        (br_if $done1 (i32.ge_u (local.get $at) (local.get $length)))
        (local.set $byte
          (i32.xor
            (i32.load8_u (local.get $at))
            (i32.and
              (i32.shr_u (local.get $key) (i32.shl (i32.and (local.get $at) (i32.const 3)) (i32.const 3)))
              (i32.const 255))))
        (i32.store8 (local.get $at) (local.get $byte))
        (local.set $seenByte (i32.or (local.get $seenByte) (local.get $byte)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next1)))

    (i32.or
      (i8x16.bitmask (local.get $seen))
      (i32.and (local.get $seenByte) (i32.const 128)))))
