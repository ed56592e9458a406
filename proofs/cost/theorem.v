(** Cost: stored scalars and scalar multiplications of a Monarch matrix, p N^((p+1)/p) for p equal radices. *)
From mathcomp Require Import all_ssreflect.
From mathcomp Require Import ssralg matrix.
From MonarchProofs Require Import foundations.monarch.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

(** Scalars stored in the blocks: stage 0 has one m x n block for every value of the later input digits; the later
    stages are stored once for every output digit i_0. *)
Fixpoint parameters (rs : radices) : nat :=
  if rs is (m, n) :: rest then inputs rest * (m * n) + m * parameters rest else 0.

(** Multiplications of one product M u: every block times the vector it meets; m n each. *)
Fixpoint multiplications (rs : radices) : nat :=
  if rs is (m, n) :: rest then inputs rest * (m * n) + m * multiplications rest else 0.

(** Additions: an inner product of n terms takes n - 1. *)
Fixpoint additions (rs : radices) : nat :=
  if rs is (m, n) :: rest then inputs rest * (m * n.-1) + m * additions rest else 0.

(** Each stored scalar is used once. *)
Theorem multiplications_parameters rs : multiplications rs = parameters rs.
Proof. by elim: rs => //= -[m n] rest ->. Qed.

Lemma equal_inputs p b : inputs (nseq p (b, b)) = b ^ p.
Proof. by elim: p => //= p ->; rewrite expnS. Qed.

Lemma equal_outputs p b : outputs (nseq p (b, b)) = b ^ p.
Proof. by elim: p => //= p ->; rewrite expnSr. Qed.

(** N = b^p: p b^(p+1) = p N^((p+1)/p) scalars and multiplications. *)
Theorem equal_radices p b : parameters (nseq p (b, b)) = p * b ^ p.+1.
Proof.
elim: p => // p IH; rewrite /= IH equal_inputs !expnS; move: (b ^ p) => power.
by rewrite mulSn (mulnCA b p) [(power * _)%N]mulnC -mulnA.
Qed.

(** Square blocks of any radices: N times the sum of the radices, against N^2 for a dense matrix. *)
Theorem square_radices bs :
  parameters [seq (b, b) | b <- bs] = inputs [seq (b, b) | b <- bs] * sumn bs.
Proof.
elim: bs => //= b rest ->; rewrite mulnDr; congr (_ + _); first by rewrite mulnCA mulnA.
by rewrite mulnA.
Qed.

(** p = log2 N, b = 2 (butterfly): 2 N log2 N. *)
Corollary butterfly p : parameters (nseq p (2, 2)) = 2 * 2 ^ p * p.
Proof. by rewrite equal_radices expnS mulnC. Qed.

Print Assumptions multiplications_parameters.
Print Assumptions equal_radices.
Print Assumptions square_radices.
Print Assumptions butterfly.
