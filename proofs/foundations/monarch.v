(** The Monarch matrix, as the product of matrices that the papers write.

    Order 2: M = P L P R P with P the stride permutation and L, R block diagonal (THEORY 1).
    Order p: M = P L P R P again, where each block L_s is itself a Monarch matrix of order p - 1. Multiplying the
    block-diagonal products out gives M = P_p B_p ... P_1 B_1 P_0, P_k digit permutations and B_k block diagonal. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Order2.

Variable R : ringType.

(** The permutation matrix that takes digits (x, y) of the input index to (y, x) in the output index. *)
Definition stride (m n : nat) : 'M[R]_(n * m, m * n) :=
  \matrix_(i, j) ((high i == low j) && (low i == high j))%:R.

(** Blocks B_0, ..., B_{k-1} down the diagonal. *)
Definition block_diagonal (k m n : nat) (B : 'I_k -> 'M[R]_(m, n)) : 'M[R]_(k * m, k * n) :=
  \matrix_(i, j) ((high i == high j)%:R * B (high i) (low i) (low j)).

(** P L P R P. Input digits (a0 < n0, a1 < n1), output digits (i1 < m1, i0 < m0), most significant first. *)
Definition monarch2 (m0 m1 n0 n1 : nat)
    (L : 'I_m0 -> 'M[R]_(m1, n1)) (B : 'I_n1 -> 'M[R]_(m0, n0)) : 'M[R]_(m1 * m0, n0 * n1) :=
  stride m0 m1 *m block_diagonal L *m stride n1 m0 *m block_diagonal B *m stride n0 n1.

End Order2.

Section OrderP.

Variable R : ringType.

(** Stages from first to last, each with its output and input radix (m_k, n_k). *)
Definition radices := seq (nat * nat).

Fixpoint outputs (rs : radices) : nat :=
  if rs is (m, _) :: rest then outputs rest * m else 1.

Fixpoint inputs (rs : radices) : nat :=
  if rs is (_, n) :: rest then n * inputs rest else 1.

(** Blocks of stage 0, one for every value of the later input digits, and, for every output digit i_0, the blocks of
    the later stages: so a block of stage k is indexed by (i_0 ... i_{k-1}; a_{k+1} ... a_{p-1}). *)
Fixpoint factors (rs : radices) : Type :=
  if rs is (m, n) :: rest then (('I_(inputs rest) -> 'M[R]_(m, n)) * ('I_m -> factors rest))%type else unit.

(** P L P R P, each L_s a Monarch matrix of the order below. *)
Fixpoint monarch (rs : radices) : factors rs -> 'M[R]_(outputs rs, inputs rs) :=
  if rs is (m, n) :: rest
  then fun F => monarch2 (fun s => monarch (F.2 s)) F.1
  else fun _ => 1%:M.

End OrderP.

Arguments stride : clear implicits.
