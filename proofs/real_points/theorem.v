(** Real points: a basis of the first n powers and of the others, at real points, has a condition number of at least
    (2^n - 1) / sqrt N. A polynomial that is small everywhere becomes large somewhere when the sign of its part from degree
    n on is changed, which no matrix that keeps the two parts in columns of their own sees in the coordinates. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp matrix poly.
From MonarchProofs Require Import foundations.identities.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section RealPoints.

Variables (R : realFieldType) (N n : nat) (x : 'I_N -> R) (M : 'M[R]_N).

Definition squares (v : 'cV[R]_N) : R := \sum_l v l 0 ^+ 2.
Definition values (h : {poly R}) : 'cV[R]_N := \col_l h.[x l].

(** The first n columns of M span the polynomials of degree below n, the others their multiples by X^n. *)
Definition in_two_parts : Prop :=
  (forall p : {poly R}, (size p <= n)%N -> exists y : 'cV_N, (forall j : 'I_N, (n <= j)%N -> y j 0 = 0) /\ M *m y = values p) /\
  (forall q : {poly R}, (size q <= N - n)%N ->
    exists y : 'cV_N, (forall j : 'I_N, (j < n)%N -> y j 0 = 0) /\ M *m y = values ('X^n * q)).

(** a b is the square of a condition number. *)
Variables (a b : R).
Hypothesis b_ge0 : 0 <= b.
Hypothesis above : forall y, squares (M *m y) <= b * squares y.
Hypothesis below : forall y, squares y <= a * squares (M *m y).
Hypothesis parts : in_two_parts.

(** p + X^n q and p - X^n q have coordinates of one length, so the values of the second are bounded by the first. *)
Theorem truncation_whole (p q : {poly R}) : (size p <= n)%N -> (size q <= N - n)%N ->
  squares (values (p - 'X^n * q)) <= a * b * squares (values (p + 'X^n * q)).
Proof.
move=> /parts.1 [y [late_y values_y]] /parts.2 [z [early_z values_z]].
have same : squares (y - z) = squares (y + z).
  rewrite /squares; apply: eq_bigr => j _; rewrite !mxE.
  by case: (ltnP j n) => [/early_z|/late_y] ->; rewrite ?subr0 ?addr0 // sub0r add0r sqrrN.
have whole : M *m (y + z) = values (p + 'X^n * q).
  by rewrite mulmxDr values_y values_z; apply/colP => j; rewrite !mxE hornerD.
have other : M *m (y - z) = values (p - 'X^n * q).
  by rewrite mulmxBr values_y values_z; apply/colP => j; rewrite !mxE hornerD hornerN.
rewrite -other; apply: le_trans (above _) _.
by rewrite same -whole -mulrA mulrCA ler_wpmul2l.
Qed.

Corollary truncation (p q : {poly R}) l : (size p <= n)%N -> (size q <= N - n)%N ->
  (p.[x l] - x l ^+ n * q.[x l]) ^+ 2 <= a * b * squares (values (p + 'X^n * q)).
Proof.
move=> small_p small_q; apply: le_trans (truncation_whole small_p small_q).
rewrite /squares (bigD1 l) //= mxE hornerD hornerN hornerM hornerXn ler_addl.
by apply: sumr_ge0 => j _; apply: sqr_ge0.
Qed.

End RealPoints.

(** Chebyshev's polynomials: T^2 + (1 - X^2) U^2 = 1, and T_k has degree k and leading coefficient 2^(k-1). *)

Section Pell.

Variable F : fieldType.
Add Ring F_ring : (ring_laws F).

Lemma pell_step (x t u : F) :
  (x * t - (1 - x * x) * u) * (x * t - (1 - x * x) * u) + (1 - x * x) * ((t + x * u) * (t + x * u))
  = t * t + (1 - x * x) * (u * u).
Proof. by_ring F. Qed.

End Pell.

Section Chebyshev.

Variable R : realFieldType.

Fixpoint chebyshev k : {poly R} * {poly R} :=
  if k is k'.+1 then ('X * (chebyshev k').1 - (1 - 'X * 'X) * (chebyshev k').2, (chebyshev k').1 + 'X * (chebyshev k').2)
  else (1, 0).

Lemma pell k z : (chebyshev k).1.[z] * (chebyshev k).1.[z] + (1 - z * z) * ((chebyshev k).2.[z] * (chebyshev k).2.[z]) = 1.
Proof.
elim: k => [|k IH] /=; first by rewrite !hornerC !mulr0 addr0 mulr1.
by rewrite !(hornerD, hornerN, hornerM, hornerX, hornerC) pell_step.
Qed.

Lemma chebyshev_small k z : z * z <= 1 -> (chebyshev k).1.[z] ^+ 2 <= 1.
Proof.
move=> le; rewrite -[X in _ <= X](pell k z) expr2 ler_addl mulr_ge0 ?subr_ge0 //.
by rewrite -expr2 sqr_ge0.
Qed.

Lemma chebyshev_one k : (chebyshev k).1.[1] = 1.
Proof.
elim: k => [|k IH] /=; first by rewrite hornerC.
by rewrite !(hornerD, hornerN, hornerM, hornerX, hornerC) IH !mul1r subrr mul0r subr0.
Qed.

Definition leading k (T U : {poly R}) c : Prop :=
  [/\ (size T <= k.+2)%N, (size U <= k.+1)%N, T`_k.+1 = c & U`_k = c].

Lemma leading_step k T U c : leading k T U c -> leading k.+1 ('X * T - (1 - 'X * 'X) * U) (T + 'X * U) (c + c).
Proof.
move=> [/leq_sizeP size_T /leq_sizeP size_U lead_T lead_U].
have -> : (1 - 'X * 'X) * U = U - 'X * ('X * U) by rewrite mulrBl mul1r mulrA.
split; [apply/leq_sizeP => j le | apply/leq_sizeP => j le | |]; rewrite !(coefD, coefN, coefXM) /=.
- case: j le => [|[|j]] // le; have le1 : (k.+1 < j.+1)%N := le; have le0 : (k < j)%N := le.
  by rewrite /= (size_T _ le1) (size_U _ le0) (size_U j.+2) ?subrr // ltnW // ltnW.
- case: j le => [|j] // le; have le0 : (k < j)%N := le.
  by rewrite /= (size_T _ le) (size_U _ le0) addr0.
- by rewrite lead_T lead_U size_U // sub0r opprK.
- by rewrite lead_T lead_U.
Qed.

Lemma chebyshev_leading k : leading k (chebyshev k.+1).1 (chebyshev k.+1).2 (2%:R ^+ k).
Proof.
elim: k => [|k IH].
  by split; rewrite /= ?mulr0 ?subr0 ?mulr1 ?addr0 ?size_polyX ?coefX ?size_poly1 ?coef1 ?expr0.
by rewrite exprS mulrDl mul1r; apply: leading_step.
Qed.

End Chebyshev.

Section Condition.

Variables (R : realFieldType) (N n : nat).

(** The question does not change when all points are scaled. *)
Lemma rescaled k (x z : 'I_N -> R) r (M : 'M[R]_N) : r != 0 -> (forall l, x l = r * z l) ->
  in_two_parts k x M -> in_two_parts k z M.
Proof.
move=> nonzero xE [low high].
have size_scaled : size (r^-1 *: 'X : {poly R}) = 2%N by rewrite size_scale ?invr_eq0 // size_polyX.
have at_z (p : {poly R}) l : (p \Po (r^-1 *: 'X)).[x l] = p.[z l].
  by rewrite horner_comp hornerZ hornerX xE mulKf.
split=> [p|q] small.
  have [|y [zero image]] := low (p \Po (r^-1 *: 'X)); first by rewrite size_comp_poly2.
  by exists y; split=> //; rewrite image; apply/colP => l; rewrite !mxE at_z.
have [|y [zero image]] := high ((r^-1) ^+ k *: (q \Po (r^-1 *: 'X))).
  by rewrite (leq_trans (size_scale_leq _ _)) // size_comp_poly2.
exists y; split=> //; rewrite image; apply/colP => l; rewrite !mxE !hornerM !hornerXn hornerZ at_z xE.
by rewrite mulrA -exprMn mulrAC mulfV // mul1r.
Qed.

Variables (x : 'I_N -> R) (M : 'M[R]_N) (a b : R).
Hypothesis a_ge0 : 0 <= a.
Hypothesis b_ge0 : 0 <= b.
Hypothesis above : forall y, squares (M *m y) <= b * squares y.
Hypothesis below : forall y, squares y <= a * squares (M *m y).
Hypothesis parts : in_two_parts n x M.

Theorem condition_real (far : 'I_N) : (0 < n < N)%N -> x far != 0 -> (forall l, `|x l| <= `|x far|) ->
  (2%:R ^+ n - 1) ^+ 2 <= a * b * N%:R.
Proof.
case: n parts => // k parts_k lt_k nonzero farthest; pose z l := x l / x far.
have zE l : x l = x far * z l by rewrite mulrC divfK.
have small l : z l * z l <= 1.
  rewrite -expr2 -real_normK ?num_real // normf_div exprn_ile1 ?divr_ge0 // ler_pdivr_mulr ?normr_gt0 // mul1r.
  exact: farthest.
have [size_T _ lead _] := chebyshev_leading R k.
pose T := (chebyshev R k.+1).1; pose c := (2%:R ^+ k)%:P : {poly R}.
have split_T : (T - 'X^k.+1 * c) + 'X^k.+1 * c = T by rewrite subrK.
have size_low : (size (T - 'X^k.+1 * c)%R <= k.+1)%N.
  apply/leq_sizeP => j; rewrite leq_eqVlt => /orP [/eqP <-|lt]; rewrite coefB coefMC coefXn.
    by rewrite eqxx mul1r lead subrr.
  by rewrite gtn_eqF // mul0r subr0; apply: (leq_sizeP _ _ size_T).
have size_high : (size c <= N - k.+1)%N by apply: leq_trans (size_polyC_leq1 _) _; rewrite subn_gt0.
have := truncation b_ge0 above below (rescaled nonzero zE parts_k) far size_low size_high.
have one : z far = 1 by rewrite /z mulfV.
have T_one : T.[1] = 1 := chebyshev_one R k.+1.
have low_one : (T - 'X^k.+1 * c).[1] = 1 - 2%:R ^+ k by rewrite hornerD hornerN hornerM hornerXn hornerC expr1n mul1r T_one.
rewrite split_T one low_one hornerC expr1n mul1r -addrA -opprD -mulr2n -mulr_natl -exprS -sqrrN opprB => bound.
apply: le_trans bound _; rewrite ler_wpmul2l ?mulr_ge0 // /squares.
apply: (@le_trans _ _ (\sum_(l < N) 1)); last by rewrite sumr_const card_ord.
by apply: ler_sum => l _; rewrite mxE; apply: (chebyshev_small _ (small l)).
Qed.

End Condition.

Print Assumptions truncation_whole.
Print Assumptions truncation.
Print Assumptions condition_real.
