(** Causality, necessary and sufficient.

    Write q_j for column j of M and V_m = span(q_m, ..., q_{n-1}) + span(q_n, ..., q_{N-1}). The operator of M is causal
    iff q_j q_j' lies in V_max(j, j') for all j, j' < n: the V_m are closed under multiplication by the q_j.

    When the first n columns are polynomials with mindeg q_j = j and deg q_j <= n - 1, the whole question is about the
    others: causal iff Z^d lies in V_{n-1} = span(Z^(n-1)) + span(q_n, ..., q_{N-1}) for d = n ... 2 n - 2. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra mxpoly.
From MonarchProofs Require Import foundations.points foundations.triangular foundations.operator.
From MonarchProofs Require Import causality_sufficient.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Characterisation.

Variables (F : fieldType) (N n : nat) (M : 'M[F]_N).

(** v in V_m: coordinates m and above, or n and above. *)
Definition within (m : nat) (v : 'cV[F]_N) : Prop :=
  exists2 x : 'cV[F]_N, v = M *m x & forall i : 'I_N, (i < m)%N -> (i < n)%N -> x i 0 = 0.

Lemma within0 m : within m 0.
Proof. by exists 0 => [|i _ _]; rewrite ?mulmx0 // mxE. Qed.

Lemma withinD m v v' : within m v -> within m v' -> within m (v + v').
Proof.
move=> [x -> zero] [x' -> zero']; exists (x + x') => [|i lt_m lt_n]; first by rewrite mulmxDr.
by rewrite mxE zero // zero' // addr0.
Qed.

Lemma withinZ m c v : within m v -> within m (c *: v).
Proof.
move=> [x -> zero]; exists (c *: x) => [|i lt_m lt_n]; first by rewrite scalemxAr.
by rewrite mxE zero // mulr0.
Qed.

Lemma within_sum m (I : finType) (P : pred I) (v : I -> 'cV[F]_N) :
  (forall i, P i -> within m (v i)) -> within m (\sum_(i | P i) v i).
Proof. by move=> all; apply: big_ind => //; [exact: within0 | exact: withinD]. Qed.

Lemma within_smaller m m' v : (m <= m')%N -> within m' v -> within m v.
Proof. by move=> le [x -> zero]; exists x => // i lt_m; apply: zero; apply: leq_trans lt_m le. Qed.

Lemma within_col m (j : 'I_N) : (m <= j)%N -> within m (col j M).
Proof.
move=> le; exists (delta_mx j 0) => [|i lt_m _]; first exact: colE.
by rewrite mxE andbT; case: eqP => // e; move: lt_m; rewrite e ltnNge le.
Qed.

Hypothesis invertible : M \in unitmx.

(** Main theorem: necessary and sufficient, any field, any invertible M, any n. *)
Theorem characterisation :
  causal n M M M <->
  forall j j' : 'I_N, (j < n)%N -> (j' < n)%N -> within (maxn j j') (pointwise (col j M) (col j' M)).
Proof.
split=> [/causal_tensor vanish j j' lt_j lt_j'|closed].
  exists (invmx M *m pointwise (col j M) (col j' M)) => [|i]; first by rewrite mulKVmx.
  have entry k l : (invmx M *m pointwise (col k M) (col l M)) i 0 = tensor M M M i l k.
    by rewrite tensorE; congr ((_ *m _) i 0); apply/colP => r; rewrite !mxE.
  rewrite leq_max => /orP [lt|lt] lt_i; last by rewrite entry vanish.
  have -> : pointwise (col j M) (col j' M) = pointwise (col j' M) (col j M).
    by apply/colP => r; rewrite !mxE mulrC.
  by rewrite entry vanish.
apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij; rewrite tensorE.
have [x e zero] := closed j j' lt_j lt_j'.
have -> : \col_l (M l j' * M l j) = pointwise (col j M) (col j' M).
  by apply/colP => r; rewrite !mxE mulrC.
by rewrite e mulKmx // zero // (leq_trans lt_ij) // leq_maxl.
Qed.

(** Three matrices: what counts is the index of the signal. *)
Theorem three_matrices (M1 M2 : 'M[F]_N) :
  causal n M M1 M2 <->
  forall j j' : 'I_N, (j < n)%N -> (j' < n)%N -> within j (pointwise (col j' M1) (col j M2)).
Proof.
have entry (i j j' : 'I_N) : tensor M M1 M2 i j j' = (invmx M *m pointwise (col j' M1) (col j M2)) i 0.
  by rewrite tensorE; congr ((_ *m _) i 0); apply/colP => r; rewrite !mxE.
split=> [/causal_tensor vanish j j' lt_j lt_j'|closed].
  exists (invmx M *m pointwise (col j' M1) (col j M2)) => [|i lt lt_i]; first by rewrite mulKVmx.
  by rewrite -entry vanish.
apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij; rewrite entry.
by have [x -> zero] := closed j j' lt_j lt_j'; rewrite mulKmx // zero.
Qed.

End Characterisation.

Section Rebasing.

Variables (F : fieldType) (N n : nat) (M S : 'M[F]_N).
Hypothesis invertible : M \in unitmx.
Hypothesis S_unit : S \in unitmx.
Hypothesis S_blocks : forall i j : 'I_N, (i < n)%N != (j < n)%N -> S i j = 0.
Hypothesis S_triangular : forall i j : 'I_N, (j < n)%N -> (i < j)%N -> S i j = 0.
Hypothesis S_diagonal : forall i : 'I_N, (i < n)%N -> S i i != 0.

(** The spaces are the same in both bases. *)
Lemma within_rebased m v : within n M m v -> within n (M *m S) m v.
Proof.
move=> [x -> zero]; exists (invmx S *m x) => [|i]; first by rewrite -mulmxA mulKVmx.
set y := invmx S *m x; have solves : S *m y = x by rewrite mulKVmx.
have [k] := ubnP (val i); elim: k i => // k IH i lt_ik lt_m lt_n.
have /colP /(_ i) := solves; rewrite zero // mxE (bigD1 i) //= big1 ?addr0 => [/eqP|l ne].
  by rewrite mulf_eq0 (negbTE (S_diagonal lt_n)) => /eqP.
case: (boolP (l < n)%N) => [lt_ln|nlt_ln]; last by rewrite S_blocks ?mul0r // lt_n.
case: (ltngtP l i) => [lt_li|lt_il|eq]; last by move: ne; rewrite -val_eqE /= eq eqxx.
  by rewrite IH ?mulr0 //; [exact: leq_trans lt_li lt_ik | exact: ltn_trans lt_li lt_m].
by rewrite S_triangular ?mul0r.
Qed.

(** M S is causal when M is: S lower triangular on the first n columns, anything invertible on the others. *)
Theorem rebasing : causal n M M M -> causal n (M *m S) (M *m S) (M *m S).
Proof.
move=> /(characterisation n invertible) closed.
apply/characterisation => [|j j' lt_j lt_j']; first by rewrite unitmx_mul invertible.
apply: within_rebased.
have -> : pointwise (col j (M *m S)) (col j' (M *m S)) =
  \sum_i \sum_i' (S i j * S i' j') *: pointwise (col i M) (col i' M).
  apply/colP => r; rewrite !mxE summxE mulr_suml; apply: eq_bigr => i _.
  rewrite summxE mulr_sumr; apply: eq_bigr => i' _; rewrite !mxE.
  by rewrite mulrACA mulrC.
apply: within_sum => i _; apply: within_sum => i' _.
have source l (j0 : 'I_N) : (j0 < n)%N -> S l j0 != 0 -> (l < n)%N && (j0 <= l)%N.
  move=> lt nonzero; apply/andP; split.
    by apply: contraNT nonzero => out; rewrite S_blocks // lt (negbTE out).
  by rewrite leqNgt; apply: contraNN nonzero => less; rewrite S_triangular.
case: (eqVneq (S i j) 0) => [->|/(source _ _ lt_j) /andP [lt_i le_i]]; first by rewrite mul0r scale0r; apply: within0.
case: (eqVneq (S i' j') 0) => [->|/(source _ _ lt_j') /andP [lt_i' le_i']].
  by rewrite mulr0 scale0r; apply: within0.
apply: withinZ; apply: within_smaller (closed i i' lt_i lt_i').
by rewrite geq_max !leq_max le_i le_i' orbT.
Qed.

End Rebasing.

Section Completion.

Variables (F : fieldType) (N n : nat) (w : F).
Hypothesis primitive : N.-primitive_root w.
Variable q : 'I_N -> {poly F}.
Hypothesis low : forall j : 'I_N, (j < n)%N -> trailing j (q j).
Hypothesis high : forall j : 'I_N, (j < n)%N -> (size (q j) <= n)%N.
Hypothesis room : (n.*2 <= N.+1)%N.
Hypothesis n_pos : (0 < n)%N.

Let M := values w q.
Hypothesis invertible : M \in unitmx.

(** Values of a polynomial, and of Z^d. *)
Definition sampled (p : {poly F}) : 'cV[F]_N := \col_l p.[w ^+ l].

Lemma sampledD p p' : sampled (p + p') = sampled p + sampled p'.
Proof. by apply/colP => l; rewrite !mxE hornerD. Qed.

Lemma sampledZ c p : sampled (c *: p) = c *: sampled p.
Proof. by apply/colP => l; rewrite !mxE hornerZ. Qed.

Lemma sampled_sum (I : finType) (P : pred I) (p : I -> {poly F}) :
  sampled (\sum_(i | P i) p i) = \sum_(i | P i) sampled (p i).
Proof. by apply/colP => l; rewrite mxE horner_sum summxE; apply: eq_bigr => i _; rewrite mxE. Qed.

Lemma sampled_mul p p' : sampled (p * p') = pointwise (sampled p) (sampled p').
Proof. by apply/colP => l; rewrite !mxE hornerM. Qed.

Lemma sampled_col j : sampled (q j) = col j M.
Proof. by apply/colP => l; rewrite !mxE. Qed.

Lemma le_nN : (n <= N)%N.
Proof. by case: n n_pos room => // m _; rewrite doubleS ltnS; apply: leq_trans; rewrite -addnn ltnS leq_addr. Qed.

(** The first n columns, completed by monomials, are a triangular basis of all polynomials. *)
Let q' (j : 'I_N) : {poly F} := if (j < n)%N then q j else 'X^j.

Let low' (j : 'I_N) : trailing j (q' j).
Proof.
rewrite /q'; case: ifP => [/low //|_]; split=> [k lt|]; rewrite coefXn ?eqxx ?oner_neq0 //.
by rewrite (ltn_eqF lt).
Qed.

Let high' (j : 'I_N) : (size (q' j) <= N)%N.
Proof.
rewrite /q'; case: ifP => [/high le|_]; first exact: leq_trans le le_nN.
by rewrite size_polyXn.
Qed.

(** For e < n, Z^e = sum of x_j q_j over e <= j < n. *)
Lemma monomial_coordinates e : (e < n)%N ->
  exists2 x : 'cV[F]_N, sampled 'X^e = M *m x & forall i : 'I_N, (i < e)%N || (n <= i)%N -> x i 0 = 0.
Proof.
move=> lt_e; have le_eN := leq_trans lt_e le_nN.
have small : (size ('X^e : {poly F}) <= N)%N by rewrite size_polyXn.
pose x := invmx (values w q') *m sampled 'X^e.
have coords : coefficients q' *m x = \col_k ('X^e)`_k by apply: coordinates.
have beyond (i : 'I_N) : (n <= i)%N -> x i 0 = 0.
  move=> le_ni; have total : \sum_j (q' j)`_i * x j 0 = ('X^e : {poly F})`_i.
    have /colP /(_ i) := coords; rewrite mxE [RHS]mxE => <-.
    by apply: eq_bigr => j _; congr (_ * _); rewrite mxE.
  move: total; rewrite coefXn gtn_eqF ?(leq_trans lt_e) // (bigD1 i) //= {1}/q' ltnNge le_ni coefXn eqxx mul1r.
  rewrite big1 ?addr0 // => j ne; rewrite /q'.
  case: ltnP => [lt_j|_]; last by rewrite coefXn eq_sym (inj_eq val_inj) (negbTE ne) mul0r.
  by rewrite nth_default ?mul0r // (leq_trans (high lt_j)).
exists x => [|i /orP [lt_ie|]]; last exact: beyond.
  have -> : M *m x = values w q' *m x.
    apply/colP => l; rewrite mxE [RHS]mxE; apply: eq_bigr => j _.
    case: (ltnP j n) => [lt_j|/beyond ->]; last by rewrite !mulr0.
    by congr (_ * _); rewrite !mxE /q' lt_j.
  by rewrite mulKVmx //; apply: values_unit.
have above (k : 'I_N) : (coefficients q' *m x) k 0 != 0 -> (Ordinal le_eN <= k)%N.
  by rewrite coords mxE coefXn; case: (eqVneq (k : nat) e) => [->|_]; rewrite ?eqxx.
apply/eqP; apply: contraTT lt_ie => nonzero; rewrite -leqNgt.
apply: (@solution_above _ _ (fun i j : 'I_N => (i <= j)%N) _ _ _ _ _ _ _ above _ nonzero) => //.
- by move=> b a c; apply: leq_trans.
- by move=> k j; rewrite mxE; apply: contraNT; rewrite -ltnNge => /(proj1 (low' j)) ->.
- by move=> j; rewrite mxE; case: (low' j).
Qed.

Lemma monomial_within e : (e < n)%N -> within n M e (sampled 'X^e).
Proof. by case/monomial_coordinates => x eq zero; exists x => // i lt_ie _; apply: zero; rewrite lt_ie. Qed.

(** A polynomial as the sum of its terms. *)
Lemma sampled_terms (p : {poly F}) m :
  (size p <= m)%N -> sampled p = \sum_(e < m) p`_e *: sampled 'X^e.
Proof.
move=> small; apply/colP => l; rewrite !mxE summxE (horner_coef_wide _ small).
by apply: eq_bigr => e _; rewrite !mxE hornerXn.
Qed.

(** Main theorem: what the columns j >= n must contain. *)
Theorem completion :
  causal n M M M <-> forall d, (n <= d)%N -> (d.+1 < n.*2)%N -> within n M n.-1 (sampled 'X^d).
Proof.
split=> [/(characterisation n invertible) closed d le_nd lt_d|monomials].
  have lt_last : (n.-1 < N)%N by rewrite prednK // le_nN.
  pose last := Ordinal lt_last; have last_n : (last < n)%N by rewrite /= prednK.
  have [start coefficient] := low last_n.
  have [c nonzero single] : exists2 c, c != 0 & q last = c *: 'X^(n.-1).
    exists (q last)`_n.-1 => //; apply/polyP => k; rewrite coefZ coefXn; case: (ltngtP k n.-1) => [/start -> |gt|->].
    - by rewrite mulr0.
    - by rewrite nth_default ?mulr0 // (leq_trans (high last_n)) // -(prednK n_pos).
    - by rewrite mulr1.
  have lt_rest : (d - n.-1 < n)%N.
    by rewrite ltn_subLR ?(leq_trans (leq_pred n)) // -ltnS -addSn prednK // addnn.
  have [x e zero] := monomial_coordinates lt_rest.
  have -> : sampled 'X^d = c^-1 *: \sum_j x j 0 *: pointwise (col last M) (col j M).
    apply/colP => l; rewrite !mxE summxE hornerXn -[in LHS](subnKC (leq_trans (leq_pred n) le_nd)) exprD.
    have /colP /(_ l) := e; rewrite !mxE hornerXn => ->; rewrite mulr_sumr mulr_sumr.
    apply: eq_bigr => j _; rewrite !mxE single hornerZ hornerXn.
    by rewrite (mulrC (x j 0)) -!mulrA mulKf.
  apply: withinZ; apply: within_sum => j _.
  case: (ltnP j n) => [lt_j|le_nj].
    apply: withinZ; apply: within_smaller (closed last j last_n lt_j); exact: leq_maxl.
  by rewrite zero ?le_nj ?orbT // scale0r; apply: within0.
apply/(characterisation n invertible) => j j' lt_j lt_j'.
rewrite -!sampled_col -sampled_mul.
have size_product : (size (q j * q j')%R <= (n.*2).-1)%N.
  apply: leq_trans (size_mul_leq _ _) _; rewrite -addnn -!subn1.
  by apply: leq_sub2r; apply: leq_add; apply: high.
rewrite (sampled_terms size_product); apply: within_sum => e _.
case: (ltnP e (maxn j j')) => [lt_e|le_e].
  have -> : (q j * q j')`_e = 0; last by rewrite scale0r; apply: within0.
  move: lt_e; rewrite leq_max => /orP [lt_e|lt_e].
    have := @starts_mul _ j 0 (q j) (q j'); rewrite addn0; apply => //; exact: (proj1 (low lt_j)).
  have := @starts_mul _ 0 j' (q j) (q j'); rewrite add0n; apply => //; exact: (proj1 (low lt_j')).
apply: withinZ; case: (ltnP e n) => [lt_en|le_ne]; first exact: within_smaller le_e (monomial_within lt_en).
apply: within_smaller (monomials e le_ne _); first by rewrite -ltnS prednK // gtn_max lt_j.
by have := ltn_ord e; rewrite -ltnS prednK // double_gt0.
Qed.

End Completion.

Print Assumptions characterisation.
Print Assumptions three_matrices.
Print Assumptions rebasing.
Print Assumptions completion.
