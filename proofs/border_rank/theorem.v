(** Border rank: without padding, N = n, the matrix M = DFT diag(1, e, ..., e^(N-1)) gives the truncated convolution but
    for e^N times what wraps around. So N products approximate it as well as one likes, where 2 N - 1 compute it. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly.
From MonarchProofs Require Import foundations.points foundations.triangular foundations.operator.
From MonarchProofs Require Import causality_sufficient.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
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

Print Assumptions leak.
Print Assumptions never_causal.
