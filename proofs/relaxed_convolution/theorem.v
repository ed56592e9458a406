(** Relaxed convolution: inputs come one by one, and the lags 2U ... 4U - 1 of a block of U inputs are served together,
    U = B, 2B, 4B, ... Every pair of an input and a lag is served once, in time, and at so much in all. *)
From mathcomp Require Import all_ssreflect ssralg.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.

Section Relaxed.

Variable B : nat.
Hypothesis base : 0 < B.

(** The size of blocks at a level. *)
Definition size_of e := B * 2 ^ e.

Lemma size_gt0 e : 0 < size_of e.
Proof. by rewrite muln_gt0 base expn_gt0. Qed.

(** Block b of level e serves input j at lag d. *)
Definition served e b j d := (j %/ size_of e == b) && (2 * size_of e <= d < 4 * size_of e).

Lemma doubled e : 4 * size_of e = 2 * size_of e.+1.
Proof. by rewrite /size_of expnS !mulnA (mulnC (2 * B)) !mulnA. Qed.

Lemma size_leq e e' : e <= e' -> size_of e <= size_of e'.
Proof. by move=> le; rewrite leq_mul2l leq_exp2l // le orbT. Qed.

Lemma level_unique e e' d : 2 * size_of e <= d < 4 * size_of e -> 2 * size_of e' <= d < 4 * size_of e' -> e = e'.
Proof.
have one f f' : f < f' -> 2 * size_of f' <= d -> d < 4 * size_of f -> False.
  move=> lt le_d lt_d; have := leq_trans lt_d (leq_trans _ le_d); rewrite ltnn doubled leq_mul2l /= size_leq //.
  by move/(_ isT).
move=> /andP [le lt] /andP [le' lt']; case: (ltngtP e e') => // [less|less].
  by case: (one _ _ less le' lt).
by case: (one _ _ less le lt').
Qed.

Lemma level_exists d : 2 * B <= d -> exists e, 2 * size_of e <= d < 4 * size_of e.
Proof.
move=> large; exists (trunc_log 2 (d %/ (2 * B))); set q := d %/ (2 * B).
have pos : 0 < 2 * B by rewrite muln_gt0.
have q_pos : 0 < q by rewrite divn_gt0.
have /andP [low high] := trunc_log_bounds (isT : 1 < 2) q_pos.
rewrite doubled /size_of !mulnA; apply/andP; split.
  by apply: leq_trans (leq_trunc_div d (2 * B)); rewrite mulnC leq_mul2r low orbT.
by rewrite mulnC -ltn_divLR.
Qed.

(** Each pair with a lag of at least 2B is served once; the others never. *)
Theorem served_once n j d : j < n -> d < n ->
  \sum_(e < n) \sum_(b < n) served e b j d = (2 * B <= d).
Proof.
move=> lt_j lt_d; case: leqP => [large|small]; last first.
  apply: big1 => e _; apply: big1 => b _; apply/eqP; rewrite eqb0 negb_and; apply/orP; right.
  rewrite negb_and -ltnNge; apply/orP; left; apply: leq_trans small _.
  by rewrite leq_mul2l /= /size_of leq_pmulr // expn_gt0.
have [e level] := level_exists large.
have lt_e : e < n.
  apply: leq_ltn_trans lt_d; apply: leq_trans (ltnW (ltn_expl e (isT : 1 < 2))) _.
  by have /andP [low _] := level; apply: leq_trans low; rewrite /size_of mulnA leq_pmull // muln_gt0.
have lt_b : j %/ size_of e < n by apply: leq_ltn_trans (leq_div _ _) lt_j.
rewrite (bigD1 (Ordinal lt_e)) //= (bigD1 (Ordinal lt_b)) //= /served eqxx level !big1 ?addn0 //.
  move=> e' ne; apply: big1 => b _; apply/eqP; rewrite eqb0; apply/negP => /andP [_ level'].
  by case/eqP: ne; apply: val_inj; apply: level_unique level' level.
by move=> b ne; rewrite eq_sym -val_eqE in ne; rewrite (negbTE ne).
Qed.

(** Its block is whole before its first output is wanted: U steps lie between. *)
Theorem in_time e b j d : served e b j d -> j < b.+1 * size_of e /\ b.+2 * size_of e <= j + d.
Proof.
move=> /andP [/eqP <- /andP [low _]]; have pos := size_gt0 e; split; first by rewrite -ltn_divLR.
apply: leq_trans (_ : j %/ size_of e * size_of e + 2 * size_of e <= _); first by rewrite -mulnDl addn2.
by apply: leq_add; rewrite ?leq_trunc_div.
Qed.

(** Blocks that are whole by step n, each level by itself. *)
Theorem blocks_done n e : \sum_(t < n) (size_of e %| t.+1) = n %/ size_of e.
Proof. by rewrite divn_count_dvd big_add1 big_mkord. Qed.

(** A block of U inputs costs f; where that is at most U times c, n steps cost at most n times the sum of the c. *)
Theorem cost n levels (f c : nat -> nat) : (forall e, f e <= c e * size_of e) ->
  \sum_(t < n) \sum_(e < levels) (size_of e %| t.+1) * f e <= n * \sum_(e < levels) c e.
Proof.
move=> bound; rewrite exchange_big big_distrr /=; apply: leq_sum => e _.
rewrite -big_distrl /= blocks_done; apply: leq_trans (leq_mul (leqnn _) (bound e)) _.
by rewrite mulnCA mulnC leq_mul2r leq_trunc_div orbT.
Qed.

Local Open Scope ring_scope.

Variables (R : comRingType) (k u : nat -> R).

(** What block b of level e gives to output i. *)
Definition contribution e b i : R := \sum_(j < i.+1) (served e b j (i - j))%:R * (k (i - j)%N * u j).

(** Main theorem: the convolution is the sum over near lags and what all blocks give. *)
Theorem relaxed_convolution n i : (i < n)%N ->
  \sum_(j < i.+1) k (i - j)%N * u j =
  \sum_(j < i.+1 | (i - j < 2 * B)%N) k (i - j)%N * u j + \sum_(e < n) \sum_(b < n) contribution e b i.
Proof.
move=> lt_i; rewrite (bigID (fun j : 'I_i.+1 => i - j < 2 * B)%N) /=; congr (_ + _).
rewrite /contribution; under [RHS]eq_bigr => e _ do rewrite exchange_big.
rewrite [RHS]exchange_big [LHS]big_mkcond; apply: eq_bigr => j _ /=.
have lt_j : (j < n)%N by apply: leq_ltn_trans lt_i; rewrite -ltnS.
have lt_d : (i - j < n)%N by apply: leq_ltn_trans (leq_subr _ _) lt_i.
have := served_once lt_j lt_d; rewrite leqNgt => once.
under eq_bigr => e _ do rewrite -mulr_suml.
rewrite -mulr_suml; under eq_bigr => e _ do rewrite -natr_sum.
by rewrite -natr_sum once; case: ltnP; rewrite ?mul1r ?mul0r.
Qed.

End Relaxed.

Print Assumptions served_once.
Print Assumptions in_time.
Print Assumptions blocks_done.
Print Assumptions cost.
Print Assumptions relaxed_convolution.
