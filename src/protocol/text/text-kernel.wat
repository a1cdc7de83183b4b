;; Text between UTF-8 (RFC 3629) and the UTF-16 of JavaScript's strings, eight bytes or four code units
;; a step and without a branch that depends on the characters: what makes it quick is that there is
;; nothing to mispredict. Only blocks that are all ASCII, and those with surrogates, go ways of their own.
;;
;; Both functions end a step by packing: a table says which bytes of a vector to keep, and they move
;; together. text.ts fills the two tables, at address 0 and at 4096, of 256 entries of 16 bytes each.
;; Sixteen zero bytes have to stand before what is read. After it 16 bytes are set to zero; after
;; what is written up to 32 bytes are overwritten.
;;
;; `npm run kernel` turns this file into text-kernel.ts; a test compares the two.
(module
  (memory (export "memory") 2)

  ;; Turn $length bytes of UTF-8 at $from, which must be valid, into UTF-16 at $to, and return how many
  ;; code units that are.
  ;;
  ;; Every byte is looked at as if it were the last of its character: $c0 is that byte and $c1 to $c3
  ;; are the three before it. Then those are kept that are.
  (func (export "decode") (param $from i32) (param $length i32) (param $to i32) (result i32)
    (local $at i32) (local $end i32) (local $out i32) (local $kept i32)
    (local $bytes v128) (local $c0 v128) (local $c1 v128) (local $c2 v128)
    (local $third v128) (local $fourth v128) (local $units v128)
    (local.set $at (local.get $from))
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (local.set $out (local.get $to))
    ;; Zeros after the text are characters, too: they are taken off again at the end.
    (v128.store (local.get $end) (v128.const i64x2 0 0))

    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $bytes (v128.load (local.get $at)))

        ;; sixteen bytes of ASCII
        (if (i32.eqz (i8x16.bitmask (local.get $bytes)))
          (then
            (v128.store (local.get $out) (i16x8.extend_low_i8x16_u (local.get $bytes)))
            (v128.store offset=16 (local.get $out) (i16x8.extend_high_i8x16_u (local.get $bytes)))
            (local.set $out (i32.add (local.get $out) (i32.const 32)))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br $next)))

        (local.set $c0 (i16x8.extend_low_i8x16_u (local.get $bytes)))
        (local.set $c1 (v128.load8x8_u (i32.sub (local.get $at) (i32.const 1))))
        (local.set $c2 (v128.load8x8_u (i32.sub (local.get $at) (i32.const 2))))

        ;; One to three bytes: c0 alone if it is ASCII; else six bits of c0 and six of c1 (a leading
        ;; byte of two, 110xxxxx, has a zero there); and four of c2 if c1 is no leading byte.
        (local.set $units
          (v128.bitselect
            (local.get $c0)
            (v128.or
              (v128.or
                (v128.and (local.get $c0) (i16x8.splat (i32.const 0x3f)))
                (i16x8.shl
                  (v128.and (local.get $c1) (i16x8.splat (i32.const 0x3f)))
                  (i32.const 6)))
              (v128.and
                (i16x8.shl (local.get $c2) (i32.const 12))
                (i16x8.lt_u (local.get $c1) (i16x8.splat (i32.const 0xc0)))))
            (i16x8.lt_u (local.get $c0) (i16x8.splat (i32.const 0x80)))))

        ;; Four bytes are two code units: the high surrogate stands where the third byte is, the low
        ;; one where the fourth is.
        (local.set $third (i16x8.ge_u (local.get $c2) (i16x8.splat (i32.const 0xf0))))
        (local.set $fourth
          (i16x8.ge_u
            (v128.load8x8_u (i32.sub (local.get $at) (i32.const 3)))
            (i16x8.splat (i32.const 0xf0))))
        (if (v128.any_true (v128.or (local.get $third) (local.get $fourth)))
          (then
            (local.set $units
              (v128.bitselect
                ;; D800 + ((U - 10000) >> 10), which is D7C0 + (U >> 10)
                (i16x8.add
                  (i16x8.splat (i32.const 0xd7c0))
                  (v128.or
                    (v128.or
                      (i16x8.shl
                        (v128.and (local.get $c2) (i16x8.splat (i32.const 0x07)))
                        (i32.const 8))
                      (i16x8.shl
                        (v128.and (local.get $c1) (i16x8.splat (i32.const 0x3f)))
                        (i32.const 2)))
                    (v128.and
                      (i16x8.shr_u (local.get $c0) (i32.const 4))
                      (i16x8.splat (i32.const 0x03)))))
                (v128.bitselect
                  (v128.or
                    (i16x8.splat (i32.const 0xdc00))
                    (v128.and (local.get $units) (i16x8.splat (i32.const 0x3ff))))
                  (local.get $units)
                  (local.get $fourth))
                (local.get $third)))))

        ;; Kept is what no continuation byte (below -64 as a signed one) follows, and a third of four.
        (local.set $kept
          (i16x8.bitmask
            (v128.or
              (local.get $third)
              (i16x8.ge_s
                (v128.load8x8_s offset=1 (local.get $at))
                (i16x8.splat (i32.const -64))))))
        (v128.store
          (local.get $out)
          (i8x16.swizzle
            (local.get $units)
            (v128.load (i32.shl (local.get $kept) (i32.const 4)))))
        (local.set $out
          (i32.add (local.get $out) (i32.shl (i32.popcnt (local.get $kept)) (i32.const 1))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))

    (i32.sub
      (i32.shr_u (i32.sub (local.get $out) (local.get $to)) (i32.const 1))
      (i32.sub (local.get $at) (local.get $end))))

  ;; Turn $length code units of UTF-16 at $from into UTF-8 at $to, and return how many bytes that are.
  ;; A surrogate without its other half becomes U+FFFD, as everywhere in JavaScript.
  ;;
  ;; Each code unit has four bytes of a vector to itself, of which one to three are kept. A pair of
  ;; surrogates is four bytes of UTF-8, two for each.
  (func (export "encode") (param $from i32) (param $length i32) (param $to i32) (result i32)
    (local $at i32) (local $end i32) (local $out i32) (local $two i32) (local $three i32)
    (local $units v128) (local $c v128) (local $last v128) (local $before v128)
    (local $surrogate v128) (local $high v128) (local $low v128) (local $paired v128)
    (local $from2 v128) (local $from3 v128) (local $bytes v128) (local $upper v128)
    (local.set $at (local.get $from))
    (local.set $end (i32.add (local.get $from) (i32.shl (local.get $length) (i32.const 1))))
    (local.set $out (local.get $to))
    (v128.store (local.get $end) (v128.const i64x2 0 0))

    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $units (v128.load (local.get $at)))

        ;; eight characters of ASCII
        (if (i32.eqz
              (v128.any_true (v128.and (local.get $units) (i16x8.splat (i32.const 0xff80)))))
          (then
            (v128.store64_lane 0
              (local.get $out)
              (i8x16.narrow_i16x8_u (local.get $units) (local.get $units)))
            (local.set $out (i32.add (local.get $out) (i32.const 8)))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br $next)))

        (local.set $c (i32x4.extend_low_i16x8_u (local.get $units)))
        (local.set $high
          (i32x4.eq
            (v128.and (local.get $c) (i32x4.splat (i32.const 0xfc00)))
            (i32x4.splat (i32.const 0xd800))))
        (local.set $low
          (i32x4.eq
            (v128.and (local.get $c) (i32x4.splat (i32.const 0xfc00)))
            (i32x4.splat (i32.const 0xdc00))))
        (local.set $surrogate (v128.or (local.get $high) (local.get $low)))
        (local.set $paired (v128.const i64x2 0 0))
        (if (v128.any_true (local.get $surrogate))
          (then
            (local.set $before (v128.load16x4_u (i32.sub (local.get $at) (i32.const 2))))
            (local.set $high
              (v128.and
                (local.get $high)
                (i32x4.eq
                  (v128.and
                    (v128.load16x4_u offset=2 (local.get $at))
                    (i32x4.splat (i32.const 0xfc00)))
                  (i32x4.splat (i32.const 0xdc00)))))
            (local.set $low
              (v128.and
                (local.get $low)
                (i32x4.eq
                  (v128.and (local.get $before) (i32x4.splat (i32.const 0xfc00)))
                  (i32x4.splat (i32.const 0xd800)))))
            (local.set $paired (v128.or (local.get $high) (local.get $low)))
            (local.set $c
              (v128.bitselect
                (i32x4.splat (i32.const 0xfffd))
                (local.get $c)
                (v128.andnot (local.get $surrogate) (local.get $paired))))))

        (local.set $from2 (i32x4.ge_u (local.get $c) (i32x4.splat (i32.const 0x80))))
        (local.set $from3
          (v128.andnot
            (i32x4.ge_u (local.get $c) (i32x4.splat (i32.const 0x800)))
            (local.get $paired)))
        (local.set $last (v128.and (local.get $c) (i32x4.splat (i32.const 0x3f))))
        (local.set $bytes
          (v128.bitselect
            (v128.bitselect
              ;; 1110xxxx 10xxxxxx 10xxxxxx, the first in the lowest eight bits
              (v128.or
                (v128.or
                  (i32x4.splat (i32.const 0x8080e0))
                  (i32x4.shr_u (local.get $c) (i32.const 12)))
                (v128.or
                  (i32x4.shl
                    (v128.and
                      (i32x4.shr_u (local.get $c) (i32.const 6))
                      (i32x4.splat (i32.const 0x3f)))
                    (i32.const 8))
                  (i32x4.shl (local.get $last) (i32.const 16))))
              ;; 110xxxxx 10xxxxxx
              (v128.or
                (v128.or
                  (i32x4.splat (i32.const 0x80c0))
                  (i32x4.shr_u (local.get $c) (i32.const 6)))
                (i32x4.shl (local.get $last) (i32.const 8)))
              (local.get $from3))
            (local.get $c)
            (local.get $from2)))

        (if (v128.any_true (local.get $paired))
          (then
            ;; U >> 10, which is ((c & 3FF) << 10) + 10000 without the low surrogate's ten bits
            (local.set $upper
              (i32x4.add
                (v128.and (local.get $c) (i32x4.splat (i32.const 0x3ff)))
                (i32x4.splat (i32.const 0x40))))
            (local.set $bytes
              (v128.bitselect
                ;; 11110xxx 10xxxxxx, from the high surrogate
                (v128.or
                  (v128.or
                    (i32x4.splat (i32.const 0x80f0))
                    (i32x4.shr_u (local.get $upper) (i32.const 8)))
                  (i32x4.shl
                    (v128.and
                      (i32x4.shr_u (local.get $upper) (i32.const 2))
                      (i32x4.splat (i32.const 0x3f)))
                    (i32.const 8)))
                (v128.bitselect
                  ;; 10xxxxxx 10xxxxxx, from two bits of the high surrogate and from the low one
                  (v128.or
                    (v128.or
                      (i32x4.splat (i32.const 0x8080))
                      (i32x4.shl (local.get $last) (i32.const 8)))
                    (v128.or
                      (i32x4.shl
                        (v128.and (local.get $before) (i32x4.splat (i32.const 0x03)))
                        (i32.const 4))
                      (v128.and
                        (i32x4.shr_u (local.get $c) (i32.const 6))
                        (i32x4.splat (i32.const 0x0f)))))
                  (local.get $bytes)
                  (local.get $low))
                (local.get $high)))))

        (local.set $two (i32x4.bitmask (local.get $from2)))
        (local.set $three (i32x4.bitmask (local.get $from3)))
        (v128.store
          (local.get $out)
          (i8x16.swizzle
            (local.get $bytes)
            (v128.load offset=4096
              (i32.shl
                (i32.or (local.get $two) (i32.shl (local.get $three) (i32.const 4)))
                (i32.const 4)))))
        (local.set $out
          (i32.add
            (local.get $out)
            (i32.add
              (i32.const 4)
              (i32.add (i32.popcnt (local.get $two)) (i32.popcnt (local.get $three))))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))

    (i32.sub
      (i32.sub (local.get $out) (local.get $to))
      (i32.shr_u (i32.sub (local.get $at) (local.get $end)) (i32.const 1)))))
