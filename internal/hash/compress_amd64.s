#include "textflag.h"

// BLAKE3's compression of sixteen inputs side by side, a lane of each vector for each of them. A processor with AVX-512 holds
// all of it in its registers: Z0 to Z15 are the state, word by word, and Z16 to Z31 the block. Blocks are read a row at a time
// and turned by shuffles, which are faster than gathering the words of sixteen places. What the next inputs are expected to be, if
// they lie behind these, is fetched meanwhile: no processor sees sixteen streams coming.

DATA iv<>+0(SB)/4, $0x6a09e667
DATA iv<>+4(SB)/4, $0xbb67ae85
DATA iv<>+8(SB)/4, $0x3c6ef372
DATA iv<>+12(SB)/4, $0xa54ff53a
DATA iv<>+16(SB)/4, $0x510e527f
DATA iv<>+20(SB)/4, $0x9b05688c
DATA iv<>+24(SB)/4, $0x1f83d9ab
DATA iv<>+28(SB)/4, $0x5be0cd19
DATA iv<>+32(SB)/4, $64
GLOBL iv<>(SB), RODATA|NOPTR, $36

// lanes is what each lane adds to the counter: nothing for parents, and its number for leaves.
DATA lanes<>+0(SB)/4, $0
DATA lanes<>+4(SB)/4, $0
DATA lanes<>+8(SB)/4, $0
DATA lanes<>+12(SB)/4, $0
DATA lanes<>+16(SB)/4, $0
DATA lanes<>+20(SB)/4, $0
DATA lanes<>+24(SB)/4, $0
DATA lanes<>+28(SB)/4, $0
DATA lanes<>+32(SB)/4, $0
DATA lanes<>+36(SB)/4, $0
DATA lanes<>+40(SB)/4, $0
DATA lanes<>+44(SB)/4, $0
DATA lanes<>+48(SB)/4, $0
DATA lanes<>+52(SB)/4, $0
DATA lanes<>+56(SB)/4, $0
DATA lanes<>+60(SB)/4, $0
DATA lanes<>+64(SB)/4, $0
DATA lanes<>+68(SB)/4, $1
DATA lanes<>+72(SB)/4, $2
DATA lanes<>+76(SB)/4, $3
DATA lanes<>+80(SB)/4, $4
DATA lanes<>+84(SB)/4, $5
DATA lanes<>+88(SB)/4, $6
DATA lanes<>+92(SB)/4, $7
DATA lanes<>+96(SB)/4, $8
DATA lanes<>+100(SB)/4, $9
DATA lanes<>+104(SB)/4, $10
DATA lanes<>+108(SB)/4, $11
DATA lanes<>+112(SB)/4, $12
DATA lanes<>+116(SB)/4, $13
DATA lanes<>+120(SB)/4, $14
DATA lanes<>+124(SB)/4, $15
GLOBL lanes<>(SB), RODATA|NOPTR, $128

// The words of a block, where TURN leaves them.
#define M0 Z16
#define M1 Z18
#define M2 Z17
#define M3 Z19
#define M4 Z20
#define M5 Z22
#define M6 Z21
#define M7 Z23
#define M8 Z24
#define M9 Z26
#define M10 Z25
#define M11 Z27
#define M12 Z28
#define M13 Z30
#define M14 Z29
#define M15 Z31

// PAIR replaces a and b by what two opposite shuffles make of them.
#define PAIR(low, high, a, b, t) \
	low b, a, t       \
	high b, a, b      \
	VMOVDQA64 t, a

#define PAIR128(a, b, t) \
	VSHUFI32X4 $0x88, b, a, t \
	VSHUFI32X4 $0xdd, b, a, b \
	VMOVDQA64 t, a

// TURN4 turns four rows within each 128 bits: word k of the rows is then in a, c, b and d for k = 0 to 3.
#define TURN4(a, b, c, d, t, u) \
	PAIR(VPUNPCKLDQ, VPUNPCKHDQ, a, b, t)   \
	PAIR(VPUNPCKLDQ, VPUNPCKHDQ, c, d, u)   \
	PAIR(VPUNPCKLQDQ, VPUNPCKHQDQ, a, c, t) \
	PAIR(VPUNPCKLQDQ, VPUNPCKHQDQ, b, d, u)

// TURN128 turns four vectors of four times 128 bits.
#define TURN128(a, b, c, d, t, u) \
	PAIR128(a, b, t) \
	PAIR128(c, d, u) \
	PAIR128(a, c, t) \
	PAIR128(b, d, u)

// LOAD4 loads four rows that are DX bytes apart; R8 is three times DX.
#define LOAD4(base, a, b, c, d) \
	VMOVDQU32 (base), a       \
	VMOVDQU32 (base)(DX*1), b \
	VMOVDQU32 (base)(DX*2), c \
	VMOVDQU32 (base)(R8*1), d

#define EACH(op, x, a0, a1, a2, a3) \
	op x, a0, a0 \
	op x, a1, a1 \
	op x, a2, a2 \
	op x, a3, a3

#define WITH(op, a0, a1, a2, a3, b0, b1, b2, b3) \
	op b0, a0, a0 \
	op b1, a1, a1 \
	op b2, a2, a2 \
	op b3, a3, a3

// MIX is the function G of the specification on four columns or diagonals.
#define MIX(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, x0, y0, x1, y1, x2, y2, x3, y3) \
	WITH(VPADDD, a0, a1, a2, a3, b0, b1, b2, b3) \
	WITH(VPADDD, a0, a1, a2, a3, x0, x1, x2, x3) \
	WITH(VPXORD, d0, d1, d2, d3, a0, a1, a2, a3) \
	EACH(VPRORD, $16, d0, d1, d2, d3)            \
	WITH(VPADDD, c0, c1, c2, c3, d0, d1, d2, d3) \
	WITH(VPXORD, b0, b1, b2, b3, c0, c1, c2, c3) \
	EACH(VPRORD, $12, b0, b1, b2, b3)            \
	WITH(VPADDD, a0, a1, a2, a3, b0, b1, b2, b3) \
	WITH(VPADDD, a0, a1, a2, a3, y0, y1, y2, y3) \
	WITH(VPXORD, d0, d1, d2, d3, a0, a1, a2, a3) \
	EACH(VPRORD, $8, d0, d1, d2, d3)             \
	WITH(VPADDD, c0, c1, c2, c3, d0, d1, d2, d3) \
	WITH(VPXORD, b0, b1, b2, b3, c0, c1, c2, c3) \
	EACH(VPRORD, $7, b0, b1, b2, b3)

#define ROUND(x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15) \
	MIX(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, x0, x1, x2, x3, x4, x5, x6, x7) \
	MIX(Z0, Z1, Z2, Z3, Z5, Z6, Z7, Z4, Z10, Z11, Z8, Z9, Z15, Z12, Z13, Z14, x8, x9, x10, x11, x12, x13, x14, x15)

// STORE writes four words of the inputs 0, 4, 8 and 12, counted from an offset on.
#define STORE(z, offset) \
	VEXTRACTI32X4 $0, z, (offset+0)(DI)   \
	VEXTRACTI32X4 $1, z, (offset+128)(DI) \
	VEXTRACTI32X4 $2, z, (offset+256)(DI) \
	VEXTRACTI32X4 $3, z, (offset+384)(DI)

// func compress16(values *[16]words, in unsafe.Pointer, apart, blocks, counter, each uint64, first, between, last uint32)
TEXT ·compress16(SB), NOSPLIT, $0-60
	MOVQ values+0(FP), DI
	MOVQ in+8(FP), R9
	MOVQ apart+16(FP), DX
	MOVQ blocks+24(FP), CX
	MOVQ each+40(FP), R13
	MOVL first+48(FP), AX
	LEAQ (DX)(DX*2), R8
	LEAQ (R9)(DX*4), R10
	LEAQ (R10)(DX*4), R11
	LEAQ (R11)(DX*4), R12
	LEAQ (R12)(DX*4), R14
	LEAQ lanes<>(SB), BX
	SHLQ $6, R13
	ADDQ BX, R13
	MOVQ counter+32(FP), BX
	MOVQ BX, SI
	SHRQ $32, SI
	VPBROADCASTD iv<>+0(SB), Z0
	VPBROADCASTD iv<>+4(SB), Z1
	VPBROADCASTD iv<>+8(SB), Z2
	VPBROADCASTD iv<>+12(SB), Z3
	VPBROADCASTD iv<>+16(SB), Z4
	VPBROADCASTD iv<>+20(SB), Z5
	VPBROADCASTD iv<>+24(SB), Z6
	VPBROADCASTD iv<>+28(SB), Z7

block:
	CMPQ CX, $1
	JNE  more
	ORL  last+56(FP), AX

more:
	PREFETCHT0 (R14)
	PREFETCHT0 64(R14)
	PREFETCHT0 128(R14)
	PREFETCHT0 192(R14)
	PREFETCHT0 256(R14)
	PREFETCHT0 320(R14)
	PREFETCHT0 384(R14)
	PREFETCHT0 448(R14)
	PREFETCHT0 512(R14)
	PREFETCHT0 576(R14)
	PREFETCHT0 640(R14)
	PREFETCHT0 704(R14)
	PREFETCHT0 768(R14)
	PREFETCHT0 832(R14)
	PREFETCHT0 896(R14)
	PREFETCHT0 960(R14)
	LOAD4(R9, Z16, Z17, Z18, Z19)
	LOAD4(R10, Z20, Z21, Z22, Z23)
	LOAD4(R11, Z24, Z25, Z26, Z27)
	LOAD4(R12, Z28, Z29, Z30, Z31)
	TURN4(Z16, Z17, Z18, Z19, Z8, Z9)
	TURN4(Z20, Z21, Z22, Z23, Z10, Z11)
	TURN4(Z24, Z25, Z26, Z27, Z12, Z13)
	TURN4(Z28, Z29, Z30, Z31, Z14, Z15)
	TURN128(Z16, Z20, Z24, Z28, Z8, Z9)
	TURN128(Z17, Z21, Z25, Z29, Z10, Z11)
	TURN128(Z18, Z22, Z26, Z30, Z12, Z13)
	TURN128(Z19, Z23, Z27, Z31, Z14, Z15)
	VPBROADCASTD iv<>+0(SB), Z8
	VPBROADCASTD iv<>+4(SB), Z9
	VPBROADCASTD iv<>+8(SB), Z10
	VPBROADCASTD iv<>+12(SB), Z11
	VPBROADCASTD BX, Z12
	VPADDD       (R13), Z12, Z12
	VPBROADCASTD SI, Z13
	VPBROADCASTD iv<>+32(SB), Z14
	VPBROADCASTD AX, Z15

	ROUND(M0, M1, M2, M3, M4, M5, M6, M7, M8, M9, M10, M11, M12, M13, M14, M15)
	ROUND(M2, M6, M3, M10, M7, M0, M4, M13, M1, M11, M12, M5, M9, M14, M15, M8)
	ROUND(M3, M4, M10, M12, M13, M2, M7, M14, M6, M5, M9, M0, M11, M15, M8, M1)
	ROUND(M10, M7, M12, M9, M14, M3, M13, M15, M4, M0, M11, M2, M5, M8, M1, M6)
	ROUND(M12, M13, M9, M11, M15, M10, M14, M8, M7, M2, M5, M3, M0, M1, M6, M4)
	ROUND(M9, M14, M11, M5, M8, M12, M15, M1, M13, M3, M0, M10, M2, M6, M4, M7)
	ROUND(M11, M15, M5, M0, M1, M9, M8, M6, M14, M10, M2, M12, M3, M4, M7, M13)
	VPXORD Z8, Z0, Z0
	VPXORD Z9, Z1, Z1
	VPXORD Z10, Z2, Z2
	VPXORD Z11, Z3, Z3
	VPXORD Z12, Z4, Z4
	VPXORD Z13, Z5, Z5
	VPXORD Z14, Z6, Z6
	VPXORD Z15, Z7, Z7
	ADDQ $1024, R14
	ADDQ $64, R9
	ADDQ $64, R10
	ADDQ $64, R11
	ADDQ $64, R12
	MOVL between+52(FP), AX
	DECQ CX
	JNZ  block

	TURN4(Z0, Z1, Z2, Z3, Z8, Z9)
	TURN4(Z4, Z5, Z6, Z7, Z10, Z11)
	STORE(Z0, 0)
	STORE(Z2, 32)
	STORE(Z1, 64)
	STORE(Z3, 96)
	STORE(Z4, 16)
	STORE(Z6, 48)
	STORE(Z5, 80)
	STORE(Z7, 112)
	VZEROUPPER
	RET
