(** The discrete Fourier transform is a Monarch matrix of any order and radices, over any commutative ring with w^N = 1.

    Order 2: w^(i j) = w^(i a1) (w^b1)^(s a0), i = t b0 + s, j = a0 b1 + a1: l_{a1} = Z^a1 and r_j = Y^a0. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From Coq Require Import Arith ArithRing.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** The digits' products; the first term is a multiple of N. *)
Lemma exponent (M b t s a j : nat) :
  ((t * b + s) * (a * M + j) = M * b * (t * a) + (b * (t * j) + s * (a * M + j)))%N.
Proof. by rewrite -!multE -!plusE; ring. Qed.

Section Fourier.

Variable R : comRingType.

Definition fourier (N : nat) (w : R) : 'M[R]_N := \matrix_(i, j) w ^+ (i * j).

(** Twiddled transform [t, j] |-> w^(t j) c^j: what is left of the DFT after its first stage. *)
Fixpoint fourier_factors (bs : seq nat) (w c : R) : factors R [seq (b, b) | b <- bs] :=
  match bs return factors R [seq (b, b) | b <- bs] with
  | b :: rest =>
      (fun _ => \matrix_(s, a) (w ^+ s * c) ^+ (inputs [seq (b, b) | b <- rest] * a),
       fun s : 'I_b => fourier_factors rest (w ^+ b) (w ^+ s * c))
  | [::] => tt
  end.

Lemma twiddled_fourier bs w c :
  let rs := [seq (b, b) | b <- bs] in
  w ^+ outputs rs = 1 ->
  forall (i : 'I_(outputs rs)) (j : 'I_(inputs rs)),
    monarch (fourier_factors bs w c) i j = w ^+ (i * j) * c ^+ j.
Proof.
elim: bs w c => [|b rest IH] w c /= one i j; first by rewrite !ord1 mxE expr0 mul1r.
set rs := [seq (b, b) | b <- rest] in one i j IH *.
have sizes : outputs rs = inputs rs by rewrite /rs; elim: (rest) => //= d l ->; rewrite mulnC.
case: (join_split i) => t [s ->]; case: (join_split j) => a [j' ->].
rewrite entry_order2 IH; last by rewrite -exprM mulnC.
rewrite mxE /= -mulrA -exprD addnC (mulnC (inputs rs)) exprMn mulrA -!exprM -exprD; congr (_ * _).
have one' : w ^+ (inputs rs * b) = 1 by rewrite -sizes.
by rewrite exponent [RHS]exprD exprM one' expr1n mul1r.
Qed.

(** Main theorem. *)
Theorem dft_is_monarch bs w :
  let rs := [seq (b, b) | b <- bs] in
  w ^+ outputs rs = 1 ->
  forall (i : 'I_(outputs rs)) (j : 'I_(inputs rs)), monarch (fourier_factors bs w 1) i j = w ^+ (i * j).
Proof. by move=> rs one i j; rewrite twiddled_fourier // expr1n mulr1. Qed.

End Fourier.

Print Assumptions dft_is_monarch.
