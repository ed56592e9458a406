(** Bounds on both factors exclude each other: for b >= 2 no matrix meets the condition. *)
From mathcomp Require Import all_ssreflect ssralg poly.
From MonarchProofs Require Import causality_sufficient.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Literal.

Variables (F : fieldType) (b : nat).
Hypothesis at_least_two : (1 < b)%N.

(** l_m for m = j mod b; mindeg l_m = m, and 2 deg l_(j mod b) < b for all j < b^2 / 2. *)
Theorem no_polynomials (l : nat -> {poly F}) :
  (forall m, (m < b)%N -> trailing m (l m)) ->
  ~ (forall j, (j.*2 < b * b)%N -> ((size (l (j %% b)%N)).-1.*2 < b)%N).
Proof.
move=> low high; have last : (b.-1 < b)%N by rewrite prednK // ltnW.
have inside : (b.-1.*2 < b * b)%N.
  rewrite -mul2n; apply: leq_ltn_trans (_ : b * b.-1 < _)%N; first by rewrite leq_mul2r at_least_two orbT.
  by rewrite ltn_mul2l last (ltn_trans _ at_least_two).
have := high b.-1 inside; rewrite modn_small // => small.
have [_ coefficient] := low b.-1 last.
have big : (b.-1 <= (size (l b.-1)).-1)%N.
  have : (b.-1 < size (l b.-1))%N by rewrite ltnNge; apply: contraNN coefficient => /leq_sizeP ->.
  by case: (size _).
have {low high last inside small coefficient big} : (b.-1.*2 < b)%N.
  by apply: leq_ltn_trans small; rewrite leq_double.
case: b at_least_two => [|[|c]] //= _; rewrite doubleS !ltnS ltnNge => /negP; apply.
by rewrite -addnn leq_addl.
Qed.

End Literal.

Print Assumptions no_polynomials.
