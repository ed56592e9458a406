(** The operator whose causality is in question: u |-> M0^-1 (M1 k . M2 u), k and u supported on the first n indices. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Operator.

Variables (F : fieldType) (N : nat).
Implicit Types (M : 'M[F]_N) (k u v : 'cV[F]_N).

(** Entrywise product. *)
Definition pointwise u v : 'cV[F]_N := \col_i (u i 0 * v i 0).

Definition operator M0 M1 M2 k u : 'cV[F]_N := invmx M0 *m pointwise (M1 *m k) (M2 *m u).

(** [x; 0]: zero from index n on. *)
Definition padded n u : Prop := forall j : 'I_N, (n <= j)%N -> u j 0 = 0.

(** Output i depends on no u_j with j > i, for every filter k. *)
Definition causal n M0 M1 M2 : Prop :=
  forall k u u', padded n k -> padded n u -> padded n u' ->
  forall i : 'I_N, (i < n)%N -> (forall j : 'I_N, (j <= i)%N -> u j 0 = u' j 0) ->
  operator M0 M1 M2 k u i 0 = operator M0 M1 M2 k u' i 0.

(** T[i, j, j'], j the index of the signal and j' that of the filter. *)
Definition tensor M0 M1 M2 (i j j' : 'I_N) : F :=
  operator M0 M1 M2 (delta_mx j' 0) (delta_mx j 0) i 0.

Lemma tensorE M0 M1 M2 i j j' :
  tensor M0 M1 M2 i j j' = (invmx M0 *m \col_l (M1 l j' * M2 l j)) i 0.
Proof.
rewrite /tensor /operator; congr ((_ *m _) i 0); apply/colP => l.
by rewrite -!colE !mxE.
Qed.

Lemma operatorE M0 M1 M2 k u i :
  operator M0 M1 M2 k u i 0 = \sum_j \sum_j' u j 0 * k j' 0 * tensor M0 M1 M2 i j j'.
Proof.
have spread l : pointwise (M1 *m k) (M2 *m u) l 0 = \sum_j \sum_j' u j 0 * k j' 0 * (M1 l j' * M2 l j).
  rewrite mxE ![(_ *m _) l 0]mxE mulr_suml exchange_big /=; apply: eq_bigr => j' _.
  by rewrite mulr_sumr; apply: eq_bigr => j _; rewrite mulrACA mulrC (mulrC (k _ _)).
rewrite mxE; under eq_bigr => l _ do rewrite spread mulr_sumr.
rewrite exchange_big; apply: eq_bigr => j _; under eq_bigr => l _ do rewrite mulr_sumr.
rewrite exchange_big; apply: eq_bigr => j' _; rewrite tensorE mxE mulr_sumr.
by apply: eq_bigr => l _; rewrite mxE mulrCA.
Qed.

(** Causality is a finite set of equations: T[i, j, j'] = 0 for j > i. *)
Theorem causal_tensor n M0 M1 M2 :
  causal n M0 M1 M2 <->
  forall i j j' : 'I_N, (i < n)%N -> (j < n)%N -> (j' < n)%N -> (i < j)%N -> tensor M0 M1 M2 i j j' = 0.
Proof.
split=> [causes i j j' lt_i lt_j lt_j' lt_ij|vanish k u u' pad_k pad_u pad_u' i lt_i same].
  rewrite /tensor (causes _ _ 0 _ _ _ i lt_i); first by rewrite operatorE big1 // => l _; rewrite big1 // => l' _; rewrite mxE !mul0r.
  - by move=> l le; rewrite mxE eqxx andbT; case: eqP => // e; move: le; rewrite e leqNgt lt_j'.
  - by move=> l le; rewrite mxE eqxx andbT; case: eqP => // e; move: le; rewrite e leqNgt lt_j.
  - by move=> l le; rewrite mxE.
  - by move=> l le; rewrite !mxE eqxx andbT; case: eqP => // e; move: le; rewrite e leqNgt lt_ij.
rewrite !operatorE; apply: eq_bigr => j _; apply: eq_bigr => j' _.
case: (leqP j i) => [/same -> //|lt_ij].
case: (leqP n j) => [le_nj|lt_j]; first by rewrite pad_u // pad_u'.
case: (leqP n j') => [le_nj'|lt_j']; first by rewrite pad_k // !mulr0 !mul0r.
by rewrite vanish // !mulr0.
Qed.

End Operator.
