(** Polynomials in p variables on a grid of points, X_l at one of m_l distinct points: they interpolate, and reduced ones
    are determined by their values. Points and monomials are both numbered by the digits of an index below m_0 ... m_{p-1}. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From SsrMultinomials Require Import mpoly.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages foundations.points.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** m_l, and the digit i_l of an index, i_0 the least significant. *)
Definition radix (rs : radices) l : nat := (nth (1, 1) rs l).1%N.
Definition digit (rs : radices) l (i : nat) : nat := (i %/ outputs (take l rs) %% radix rs l)%N.

Lemma digit0 m n rest i : digit ((m, n) :: rest) 0 i = (i %% m)%N.
Proof. by rewrite /digit take0 divn1. Qed.

Lemma digitS m n rest l i : digit ((m, n) :: rest) l.+1 i = digit rest l (i %/ m).
Proof. by rewrite /digit /= mulnC divnMA. Qed.

Lemma outputs_takeS rs l : outputs (take l.+1 rs) = (outputs (take l rs) * radix rs l)%N.
Proof.
elim: rs l => [|[m n] rest IH] [|l] //=; first by rewrite take0 /= mul1n.
by rewrite IH mulnAC.
Qed.

Lemma digit_step rs l i :
  (i %% outputs (take l.+1 rs) = digit rs l i * outputs (take l rs) + i %% outputs (take l rs))%N.
Proof.
rewrite outputs_takeS; set O := outputs _; set m := radix _ _.
rewrite mulnC {1}(divn_eq (i %% (m * O)) O) -modn_divl; congr (_ * _ + _)%N.
by rewrite modn_dvdm // dvdn_mull.
Qed.

Lemma digits_prefix rs k i i' :
  (forall l, (l <= k)%N -> digit rs l i = digit rs l i') -> (i = i' %[mod outputs (take k.+1 rs)])%N.
Proof.
elim: k => [|k IH] same; first by rewrite !(digit_step _ 0) same // take0 !modn1.
by rewrite !(digit_step _ k.+1) same // IH // => l le; apply: same; apply: leqW.
Qed.

Lemma digit_prefix rs k l i : (l <= k)%N -> digit rs l (i %% outputs (take k.+1 rs)) = digit rs l i.
Proof.
move=> le; have := digit_step rs l i; have := digit_step rs l (i %% outputs (take k.+1 rs)).
rewrite !(modn_dvdm _ (outputs_take rs _)) //; last exact: leqW.
case: (posnP (outputs (take l rs))) => [zero|pos].
  by rewrite /digit zero !divn0.
by move=> -> /addIn /eqP; rewrite eqn_pmul2r // => /eqP.
Qed.

Lemma digit_lt rs l (i : 'I_(outputs rs)) : (l < size rs)%N -> (digit rs l i < radix rs l)%N.
Proof.
move=> lt; have pos : (0 < outputs rs)%N by apply: leq_ltn_trans (ltn_ord i).
rewrite /digit ltn_mod lt0n; apply: contraTneq pos => zero.
have : (outputs (take l.+1 rs) %| outputs rs)%N by apply: outputs_take_all.
by rewrite outputs_takeS zero muln0 dvd0n => /eqP ->.
Qed.

Lemma digits_inj rs (i i' : 'I_(outputs rs)) :
  (forall l, (l < size rs)%N -> digit rs l i = digit rs l i') -> i = i'.
Proof.
case: rs i i' => [|r rest] i i'; first by rewrite !ord1.
move=> same; apply: val_inj; have := @digits_prefix (r :: rest) (size rest) i i' same.
by rewrite take_oversize // !modn_small.
Qed.

(** Every choice of digits is an index. *)
Lemma digits_onto rs (h : nat -> nat) :
  (forall l, (l < size rs)%N -> (h l < radix rs l)%N) ->
  exists e : 'I_(outputs rs), forall l, (l < size rs)%N -> digit rs l e = h l.
Proof.
elim: rs h => [|[m n] rest IH] h bound; first by exists ord0.
have [t et] := IH (fun l => h l.+1) (fun l => bound l.+1).
exists (join t (Ordinal (bound 0%N isT))) => -[|l] lt.
  by rewrite digit0 (modn_join _ _ (dvdnn m)) modn_small // bound.
by rewrite digitS divn_join et.
Qed.

Lemma digits_leq rs (i j : 'I_(outputs rs)) :
  (forall l, (l < size rs)%N -> (digit rs l i <= digit rs l j)%N) -> (i <= j)%N.
Proof.
case: rs i j => [|r rest] i j; first by rewrite !ord1.
set rs := r :: rest in i j *; move=> below.
suff : forall k, (k < size rs)%N -> (i %% outputs (take k.+1 rs) <= j %% outputs (take k.+1 rs))%N.
  by move=> /(_ (size rest) (leqnn _)); rewrite take_oversize // !modn_small.
elim=> [|k IH] lt; first by rewrite !digit_step take0 !modn1 !muln1 !addn0 below.
by rewrite !(digit_step _ k.+1); apply: leq_add (leq_mul (below _ lt) (leqnn _)) (IH (ltnW lt)).
Qed.

(** A sum over the grid of products over its axes. *)
Lemma sum_digits (R : comRingType) rs (f : nat -> nat -> R) :
  \sum_(e < outputs rs) \prod_(l < size rs) f l (digit rs l e) = \prod_(l < size rs) \sum_(c < radix rs l) f l c.
Proof.
elim: rs f => [|[m n] rest IH] f; first by rewrite big_ord_recl !big_ord0 addr0.
rewrite big_ord_recl [X in _ * X](eq_bigr (fun l : 'I_(size rest) => \sum_(c < radix rest l) f l.+1 c)) //.
rewrite -(IH (fun l => f l.+1)) /= big_join mulr_sumr; apply: eq_bigr => t _.
rewrite mulr_suml; apply: eq_bigr => s _; rewrite big_ord_recl digit0.
rewrite (modn_join _ _ (dvdnn m)) (modn_small (ltn_ord s)); congr (_ * _).
by apply: eq_bigr => l _; rewrite digitS divn_join.
Qed.

Section Grid.

Variables (F : fieldType) (rs : radices) (x : nat -> nat -> F).
Let p := size rs.
Let N := outputs rs.
Hypothesis distinct : forall l, (l < p)%N -> injective (fun c : 'I_(radix rs l) => x l c).

Definition point (i : nat) : 'I_p -> F := fun l => x l (digit rs l i).

(** Exponents are the digits of e. *)
Definition monomial (e : nat) : 'X_{1.. p} := [multinom digit rs l e | l < p].

Lemma monomialE e i : ('X_[monomial e]).@[point i] = \prod_(l < p) x l (digit rs l i) ^+ digit rs l e.
Proof. by rewrite mevalX; apply: eq_bigr => l _; rewrite mnmE. Qed.

Lemma monomial_inj (e e' : 'I_N) : monomial e = monomial e' -> e = e'.
Proof.
move=> /mnmP same; apply: digits_inj => l lt.
by have := same (Ordinal lt); rewrite !mnmE.
Qed.

(** Degree in X_l below d l, for all l. *)
Definition reduced_by (d : nat -> nat) (q : {mpoly F[p]}) : Prop :=
  forall m, m \in msupp q -> forall l : 'I_p, (m l < d l)%N.

Definition reduced_mpoly : {mpoly F[p]} -> Prop := reduced_by (radix rs).

(** The inverse of the Vandermonde matrix of axis l, entry (c, c'). *)
Definition dual l (c c' : nat) : F :=
  at_number (fun c : 'I_(radix rs l) =>
    at_number (fun c' : 'I_(radix rs l) => invmx (vandermonde (fun c : 'I_(radix rs l) => x l c)) c c') c') c.

Lemma dualE l (c c' : 'I_(radix rs l)) : (l < p)%N ->
  \sum_(e < radix rs l) dual l e c' * x l c ^+ e = (c == c')%:R.
Proof.
move=> lt; have /matrixP /(_ c c') := mulmxV (vandermonde_unit (distinct lt)).
by rewrite !mxE => <-; apply: eq_bigr => e _; rewrite /dual !at_numberE mxE mulrC.
Qed.

Lemma radix_gt0 (i : 'I_N) l : (l < p)%N -> (0 < radix rs l)%N.
Proof. by move=> lt; apply: leq_ltn_trans (digit_lt i lt). Qed.

(** The reduced polynomial with these coefficients. *)
Definition polynomial (c : 'I_N -> F) : {mpoly F[p]} := \sum_e c e *: 'X_[monomial e].

Lemma polynomial_coefficient c (e : 'I_N) : (polynomial c)@_(monomial e) = c e.
Proof.
rewrite raddf_sum (bigD1 e) //= mcoeffZ mcoeffX eqxx mulr1 big1 ?addr0 // => e' ne.
rewrite mcoeffZ mcoeffX; case: eqP => [/monomial_inj eq|]; last by rewrite mulr0.
by rewrite eq eqxx in ne.
Qed.

Lemma polynomial_support c m : m \in msupp (polynomial c) -> exists2 e, c e != 0 & m = monomial e.
Proof.
move=> /msupp_sum_le /flattenP [s /mapP [e _ ->]] in_s.
have nonzero : c e != 0 by apply: contraTneq in_s => ->; rewrite scale0r msupp0.
by exists e => //; move: in_s; rewrite (perm_mem (msuppZ _ nonzero)) msuppX inE => /eqP.
Qed.

Lemma polynomial_reduced c : reduced_mpoly (polynomial c).
Proof. by move=> m /polynomial_support [e _ ->] l; rewrite mnmE digit_lt. Qed.

Lemma polynomial_value c i :
  (polynomial c).@[point i] = \sum_e c e * \prod_(l < p) x l (digit rs l i) ^+ digit rs l e.
Proof. by rewrite raddf_sum; apply: eq_bigr => e _; rewrite /= mevalZ monomialE. Qed.

(** A reduced polynomial is the sum of its terms. *)
Lemma reduced_polynomial q : reduced_mpoly q -> q = polynomial (fun e => q@_(monomial e)).
Proof.
move=> red; apply/mpolyP => m; case: (boolP (m \in msupp q)) => [in_q|out].
  have [l lt|e em] := @digits_onto rs (fun l => oapp (fun l : 'I_p => m l) 0%N (insub l)).
    by rewrite insubT /=; apply: red in_q (Ordinal lt).
  have -> : m = monomial e by apply/mnmP => l; rewrite mnmE em // valK.
  by rewrite polynomial_coefficient.
rewrite memN_msupp_eq0 //; apply/esym/memN_msupp_eq0; apply: contra out => /polynomial_support [e nonzero ->].
by rewrite mcoeff_msupp.
Qed.

(** One at the points that share the digits i_0 ... i_k with c, zero at the others, and in X_0 ... X_k alone. *)
Definition indicator k (c : nat) : {mpoly F[p]} :=
  polynomial (fun e => \prod_(l < p) if (l <= k)%N then dual l (digit rs l e) (digit rs l c) else (digit rs l e == 0%N)%:R).

Lemma indicatorE k (c i : 'I_N) :
  (indicator k c).@[point i] = \prod_(l < p | (l <= k)%N) (digit rs l i == digit rs l c)%:R.
Proof.
rewrite polynomial_value; pose f l e := (if (l <= k)%N then dual l e (digit rs l c) else (e == 0%N)%:R) * x l (digit rs l i) ^+ e.
rewrite (eq_bigr (fun e : 'I_N => \prod_(l < p) f l (digit rs l e))) => [|e _]; last by rewrite -big_split.
rewrite sum_digits [RHS]big_mkcond; apply: eq_bigr => l _; rewrite /f; case: ifP => _.
  by have := dualE (Ordinal (digit_lt i (ltn_ord l))) (Ordinal (digit_lt c (ltn_ord l))) (ltn_ord l).
rewrite (bigD1 (Ordinal (radix_gt0 i (ltn_ord l)))) //= expr0 mulr1 big1 ?addr0 // => e ne.
by rewrite (_ : (e == 0%N :> nat) = false) ?mul0r //; apply: contraNF ne => /eqP e0; apply/eqP/val_inj.
Qed.

Lemma indicator_reduced k c :
  reduced_by (fun l => if (l <= k)%N then radix rs l else 1%N) (indicator k c).
Proof.
move=> m /polynomial_support [e nonzero ->] l; rewrite mnmE.
move: nonzero; rewrite (bigD1 l) //= mulf_eq0 negb_or => /andP [first _].
case: ifP first => _; first by rewrite digit_lt.
by case: (digit rs l e =P 0%N) => [->|_]; rewrite ?eqxx.
Qed.

(** Interpolation on the whole grid. *)
Lemma grid_values (v : 'I_N -> F) (i : 'I_N) : (\sum_c v c *: indicator p c).@[point i] = v i.
Proof.
rewrite raddf_sum (bigD1 i) //= mevalZ indicatorE big1 ?mulr1 => [|l _]; last by rewrite eqxx.
rewrite big1 ?addr0 // => c ne; rewrite mevalZ indicatorE.
case: (boolP [exists l : 'I_p, digit rs l i != digit rs l c]) => [/existsP [l /negbTE differs]|same].
  by rewrite (bigD1 l) ?(ltnW (ltn_ord l)) //= differs mul0r mulr0.
case/eqP: ne; apply: digits_inj => l lt; apply/esym/eqP; apply: contraNT same => differs.
by apply/existsP; exists (Ordinal lt).
Qed.

Definition grid_matrix : 'M[F]_N := \matrix_(i, e) ('X_[monomial e]).@[point i].

Lemma grid_factor q (i : 'I_N) : reduced_mpoly q -> (grid_matrix *m \col_e q@_(monomial e)) i 0 = q.@[point i].
Proof.
move=> /reduced_polynomial e; rewrite [in RHS]e polynomial_value mxE.
by apply: eq_bigr => l _; rewrite !mxE monomialE mulrC.
Qed.

Lemma grid_unit : grid_matrix \in unitmx.
Proof.
have full : grid_matrix *m (\matrix_(e, c) (indicator p (c : 'I_N))@_(monomial e)) = 1%:M.
  apply/matrixP => i c.
  transitivity ((grid_matrix *m \col_e (indicator p c)@_(monomial e)) i 0).
    by rewrite !mxE; apply: eq_bigr => e _; rewrite !mxE.
  rewrite grid_factor; last exact: polynomial_reduced.
  rewrite -[LHS](_ : (\sum_c' (c' == c)%:R *: indicator p c').@[point i] = _); first by rewrite grid_values mxE.
  by rewrite (bigD1 c) //= eqxx scale1r big1 ?addr0 // => c' /negbTE ->; rewrite scale0r.
by have [] := mulmx1_unit full.
Qed.

(** A reduced polynomial is determined by its values on the grid. *)
Theorem reduced_unique q q' :
  reduced_mpoly q -> reduced_mpoly q' -> (forall i : 'I_N, q.@[point i] = q'.@[point i]) -> q = q'.
Proof.
move=> red red' same; rewrite (reduced_polynomial red) (reduced_polynomial red').
have : \col_(e < N) q@_(monomial e) = \col_(e < N) q'@_(monomial e).
  by apply: (can_inj (mulKmx grid_unit)); apply/colP => i; rewrite !grid_factor.
by move=> /colP eq; apply: eq_bigr => e _; have := eq e; rewrite !mxE => ->.
Qed.

End Grid.
