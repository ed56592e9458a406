(** Border rank: without padding, N = n, the matrix M = DFT diag(1, e, ..., e^(N-1)) gives the truncated convolution but
    for e^N times what wraps around. So N products approximate it as well as one likes, where 2 N - 1 compute it. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp matrix poly.
From MonarchProofs Require Import foundations.points foundations.triangular foundations.operator.
From MonarchProofs Require Import causality_sufficient.theorem conditioning.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section BorderRank.

Variables (F : fieldType) (N : nat) (w e : F).
Hypothesis primitive : N.-primitive_root w.
Hypothesis nonzero : e != 0.

Definition scaled_dft : 'M[F]_N := \matrix_(i, j) (w ^+ (i * j) * e ^+ j).

Lemma scaled_dft_unit : scaled_dft \in unitmx.
Proof.
have -> : scaled_dft = values w (fun j : 'I_N => e ^+ j *: 'X^j).
  by apply/matrixP => i j; rewrite !mxE hornerZ hornerXn -exprM mulrC.
apply: (values_unit primitive) => [j|j].
  split=> [k lt|]; rewrite coefZ coefXn; first by rewrite ltn_eqF ?mulr0.
  by rewrite eqxx mulr1 expf_neq0.
by rewrite size_scale ?expf_neq0 // size_polyXn.
Qed.

(** T[i, j, j'] = 1 where i = j + j', e^N where i = j + j' - N, and 0 elsewhere. *)
Theorem leak (i j j' : 'I_N) :
  tensor scaled_dft scaled_dft scaled_dft i j j' =
  ((j + j' == i)%N)%:R + e ^+ N * ((j + j' == i + N)%N)%:R.
Proof.
rewrite tensorE; have N_pos : (0 < N)%N by apply: leq_ltn_trans (ltn_ord i).
have [r r_is] : exists r : 'I_N, r = ((j + j') %% N)%N :> nat by exists (Ordinal (ltn_pmod (j + j') N_pos)).
have -> : \col_l (scaled_dft l j' * scaled_dft l j) = scaled_dft *m (e ^+ (j + j' - r) *: delta_mx r 0).
  apply/colP => l; rewrite -scalemxAr -colE mxE [RHS]mxE !mxE mulrACA -!exprD -mulnDr.
  have le : (r <= j + j')%N by rewrite r_is leq_mod.
  rewrite mulrCA -exprD subnK // addnC; congr (_ * _).
  by rewrite r_is -[LHS](root_power_mod primitive) -[RHS](root_power_mod primitive) modnMmr.
rewrite mulKmx ?scaled_dft_unit // !mxE eqxx andbT.
have lt : (j + j' < N + N)%N by rewrite -addnS leq_add // ltnW.
case: (ltnP (j + j') N) => [small|large].
  have er : r = (j + j')%N :> nat by rewrite r_is modn_small.
  rewrite er subnn expr0 mul1r -val_eqE /= er eq_sym.
  have -> : (j + j' == i + N)%N = false by apply: ltn_eqF; apply: leq_trans small (leq_addl _ _).
  by rewrite mulr0 addr0.
have er : r = (j + j' - N)%N :> nat.
  by rewrite r_is -[X in (X %% _)%N](subnK large) modnDr modn_small // ltn_subLR.
have -> : (j + j' == i)%N = false by apply: gtn_eqF; apply: leq_trans large; apply: ltn_ord.
rewrite er subKn // -val_eqE /= er add0r; congr (_ * _%:R).
by rewrite eq_sym -{2}(subnK large) eqn_add2r.
Qed.

(** Not causal for any e, N >= 2: input N - 1 reaches output 0 through the filter coefficient 1. *)
Corollary never_causal : (1 < N)%N -> ~ causal N scaled_dft scaled_dft scaled_dft.
Proof.
move=> N2 /causal_tensor vanish.
have N_pos : (0 < N)%N by apply: ltnW.
have last : (N.-1 < N)%N by rewrite prednK.
have := vanish (Ordinal N_pos) (Ordinal last) (Ordinal N2) N_pos last N2.
rewrite leak /= addn1 prednK // => vanished.
have {}vanished : (N == 0)%N%:R + e ^+ N * (N == 0 + N)%N%:R = 0 :> F.
  by apply: vanished; rewrite -ltnS prednK.
move: vanished; rewrite add0n eqxx mulr1 gtn_eqF // add0r => /eqP.
by rewrite expf_eq0 (negbTE nonzero) andbF.
Qed.

End BorderRank.

(** The condition number in the 2-norm is e^-(N-1): no two vectors are stretched in a larger ratio, the first and the last
    column in this one. *)
Section Condition.

Variables (C : numClosedFieldType) (N : nat) (w e : C).
Hypothesis primitive : N.-primitive_root w.
Hypotheses (e_gt0 : 0 < e) (e_le1 : e <= 1).
Let M := scaled_dft N w e.
Let weights : 'rV[C]_N := \row_j e ^+ j.

Lemma scaled_length (x : 'cV[C]_N) : length (M *m x) = sqrtC N%:R * length (diag_mx weights *m x).
Proof.
rewrite -(fourier_length _ primitive) mulmxA; congr (length (_ *m x)).
by apply/matrixP => i j; rewrite mul_mx_diag !mxE.
Qed.

Lemma weighted_squares (x : 'cV[C]_N) : squares (diag_mx weights *m x) = \sum_(j < N) (e ^+ j) ^+ 2 * `|x j ord0| ^+ 2.
Proof.
apply: eq_bigr => j _; rewrite mul_diag_mx !mxE normrM exprMn ger0_norm //; exact: exprn_ge0 (ltW e_gt0).
Qed.

Lemma weighted_above (x : 'cV[C]_N) : length (diag_mx weights *m x) <= length x.
Proof.
rewrite -[X in _ <= X]mul1r length_le ?ler01 // expr1n mul1r weighted_squares; apply: ler_sum => j _.
rewrite ler_pimull ?exprn_ge0 // -exprM exprn_ile1 // ltW //.
Qed.

Lemma weighted_below (x : 'cV[C]_N) : e ^+ N.-1 * length x <= length (diag_mx weights *m x).
Proof.
rewrite length_ge ?exprn_ge0 ?(ltW e_gt0) // weighted_squares mulr_sumr; apply: ler_sum => j _.
apply: ler_wpmul2r; first by rewrite exprn_ge0.
rewrite -!exprM; apply: ler_wiexpn2l; rewrite ?(ltW e_gt0) // leq_mul2r -ltnS prednK ?ltn_ord ?orbT //.
exact: leq_ltn_trans (ltn_ord j).
Qed.

Theorem condition_number (x y : 'cV[C]_N) :
  length (M *m x) * length y <= (e ^+ N.-1)^-1 * (length x * length (M *m y)).
Proof.
have pos : 0 < e ^+ N.-1 by apply: exprn_gt0.
rewrite ler_pdivl_mull // !scaled_length; set K := sqrtC _; set a := length (diag_mx _ *m x); set b := length (diag_mx _ *m y).
have K_ge0 : 0 <= K by rewrite sqrtC_ge0 ler0n.
have -> : e ^+ N.-1 * (K * a * length y) = K * (a * (e ^+ N.-1 * length y)) by rewrite -!mulrA mulrCA; congr (_ * _); apply: mulrCA.
have -> : length x * (K * b) = K * (length x * b) by apply: mulrCA.
apply: ler_wpmul2l => //; apply: ler_pmul; rewrite ?mulr_ge0 ?length_ge0 ?(ltW pos) //.
  exact: weighted_above.
exact: weighted_below.
Qed.

Theorem condition_reached (first last : 'I_N) : first = 0%N :> nat -> last = N.-1 :> nat ->
  length (M *m delta_mx first ord0) * length (delta_mx last ord0 : 'cV[C]_N)
  = (e ^+ N.-1)^-1 * (length (delta_mx first ord0 : 'cV[C]_N) * length (M *m delta_mx last ord0)).
Proof.
move=> at_first at_last; have unit (j : 'I_N) : squares (delta_mx j ord0 : 'cV[C]_N) = 1.
  rewrite /squares (bigD1 j) //= mxE !eqxx normr1 expr1n big1 ?addr0 // => k /negbTE differ.
  by rewrite mxE differ normr0 expr0n.
have weighted (j : 'I_N) : length (diag_mx weights *m delta_mx j ord0) = e ^+ j.
  rewrite /length weighted_squares (bigD1 j) //= mxE !eqxx normr1 expr1n mulr1 big1 ?addr0 => [|k /negbTE differ].
    by rewrite sqrCK // exprn_ge0 // ltW.
  by rewrite mxE differ normr0 expr0n mulr0.
rewrite !scaled_length !weighted at_first at_last /length !unit sqrtC1 !mulr1 mul1r mulrCA mulVf ?mulr1 //.
by rewrite gt_eqF // exprn_gt0.
Qed.

End Condition.

Print Assumptions leak.
Print Assumptions never_causal.
Print Assumptions condition_number.
Print Assumptions condition_reached.
