(** What a causal Monarch operator computes: a truncated convolution in another basis.

    With mindeg q_j = j, the first n of degree below n and no wrap-around, let C be the leading n x n block of the
    coefficients. Then u |-> (M^-1 (M [k; 0] . M [u; 0]))[:n] is C^-1 Toeplitz(C k) C. So its diagonal is constant, and
    so is that of any product of such operators. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra mxpoly.
From MonarchProofs Require Import foundations.monarch foundations.points foundations.polynomials foundations.triangular.
From MonarchProofs Require Import foundations.operator univariate_view.theorem causality_sufficient.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Conjugate.

Variables (F : fieldType) (N : nat) (w : F).
Hypothesis primitive : N.-primitive_root w.
Variable q : 'I_N -> {poly F}.
Hypothesis low : forall j : 'I_N, trailing j (q j).
Hypothesis high : forall j, (size (q j) <= N)%N.
Variable n : nat.
Hypothesis room : (n.*2 <= N.+1)%N.
Hypothesis capped : forall j : 'I_N, (j < n)%N -> (size (q j) <= n)%N.

Let M := values w q.
Let Q := coefficients q.

(** Q times the coordinates of q_j' q_j are the coefficients of the product. *)
Theorem product_coefficients (j j' : 'I_N) : (j < n)%N -> (j' < n)%N ->
  Q *m (invmx M *m \col_l (M l j' * M l j)) = \col_e (q j' * q j)`_e.
Proof.
move=> lt_j lt_j'.
have -> : \col_l (M l j' * M l j) = \col_l (q j' * q j).[w ^+ l] by apply/colP => l; rewrite !mxE hornerM.
apply: (coordinates primitive) => //.
apply: leq_trans (size_mul_leq _ _) _; rewrite -ltnS; apply: leq_trans room; rewrite -addnn.
have n_pos : (0 < n)%N by apply: leq_ltn_trans lt_j.
apply: leq_ltn_trans (_ : (n + n).-1 < n + n)%N; last by rewrite ltn_predL addn_gt0 n_pos.
by rewrite -!subn1 leq_sub2r // leq_add ?capped.
Qed.

Hypothesis le_nN : (n <= N)%N.
Let wide : 'I_n -> 'I_N := widen_ord le_nN.

(** The leading coefficients, the matrix of the operator for one filter, and the truncated convolution by c. *)
Definition leading : 'M[F]_n := \matrix_(e, j) (q (wide j))`_e.
Definition action (k : 'cV[F]_n) : 'M[F]_n :=
  \matrix_(i, j) \sum_j' k j' 0 * tensor M M M (wide i) (wide j) (wide j').
Definition toeplitz (c : 'cV[F]_n) : 'M[F]_n := \matrix_(i, j) \sum_(l : 'I_n | (l + j == i)%N) c l 0.

Lemma leading_triangular (e j : 'I_n) : (e < j)%N -> leading e j = 0.
Proof. by move=> lt; rewrite mxE; apply: (proj1 (low (wide j))). Qed.

Lemma leading_unit : leading \in unitmx.
Proof.
have trig : is_trig_mx leading by apply/is_trig_mxP => i j; apply: leading_triangular.
by rewrite unitmxE det_trig // unitfE; apply/prodf_neq0 => j _; rewrite mxE; case: (low (wide j)).
Qed.

Lemma leading_tensor (i j j' : 'I_n) :
  \sum_l leading i l * tensor M M M (wide l) (wide j) (wide j') = (q (wide j') * q (wide j))`_i.
Proof.
have /colP /(_ (wide i)) := product_coefficients (ltn_ord j : (wide j < n)%N) (ltn_ord j' : (wide j' < n)%N).
rewrite [RHS]mxE => <-; rewrite mxE (bigID (fun l : 'I_N => (l < n)%N)) /= [X in _ = _ + X]big1 ?addr0.
  by rewrite (big_ord_narrow le_nN) /=; apply: eq_bigr => l _; rewrite tensorE !mxE.
move=> l; rewrite -leqNgt => le; rewrite [Q _ _]mxE (proj1 (low l)) ?mul0r //.
exact: leq_trans (ltn_ord i) le.
Qed.

(** A coefficient of a product, as the sum over pairs of exponents. *)
Lemma split_product (p p' : {poly F}) (i : 'I_n) :
  (p * p')`_i = \sum_(m < n) \sum_(l : 'I_n | (l + m == i)%N) p`_l * p'`_m.
Proof.
rewrite coefMr (big_ord_widen n (fun m => p`_(i - m) * p'`_m)) ?ltn_ord // big_mkcond /=.
apply: eq_bigr => m _; case: ifP => [|/negbT]; rewrite ltnS => le.
  have lt : (i - m < n)%N by apply: leq_ltn_trans (leq_subr _ _) (ltn_ord i).
  rewrite (big_pred1 (Ordinal lt)) // => l.
  by apply/eqP/eqP => [e|->]; [apply: val_inj; rewrite /= -e addnK | rewrite /= subnK].
rewrite big_pred0 // => l; apply: contraNF le => /eqP <-; exact: leq_addl.
Qed.

(** Main theorem. *)
Theorem rebased_convolution k : leading *m action k = toeplitz (leading *m k) *m leading.
Proof.
apply/matrixP => i j; rewrite mxE [RHS]mxE.
under eq_bigr => l _ do rewrite [action k l j]mxE mulr_sumr.
rewrite exchange_big /=.
under eq_bigr => j' _.
  under eq_bigr => l _ do rewrite mulrCA.
  rewrite -mulr_sumr leading_tensor; over.
under eq_bigr => j' _ do rewrite split_product mulr_sumr.
rewrite exchange_big; apply: eq_bigr => m _ /=; rewrite !mxE mulr_suml.
under eq_bigr => j' _ do rewrite mulr_sumr.
rewrite exchange_big; apply: eq_bigr => l _ /=; rewrite mxE mulr_suml.
by apply: eq_bigr => j' _; rewrite mxE mulrA (mulrC (k _ _)).
Qed.

Corollary rebased_convolutionE k : action k = invmx leading *m toeplitz (leading *m k) *m leading.
Proof. by rewrite -mulmxA -rebased_convolution mulKmx // leading_unit. Qed.

End Conjugate.

Section ConstantDiagonal.

Variables (F : fieldType) (n : nat).
Implicit Types (A B : 'M[F]_n).

Definition lower A : Prop := forall i j : 'I_n, (i < j)%N -> A i j = 0.

(** Lower triangular, with the same number c all along the diagonal. *)
Definition constant (c : F) A : Prop := lower A /\ forall i, A i i = c.

Lemma lower_mul A B : lower A -> lower B -> lower (A *m B).
Proof.
move=> lower_A lower_B i j lt; rewrite mxE big1 // => l _.
case: (ltnP i l) => [/lower_A ->|le]; first by rewrite mul0r.
by rewrite lower_B ?mulr0 // (leq_ltn_trans le).
Qed.

Lemma diagonal_mul A B i : lower A -> lower B -> (A *m B) i i = A i i * B i i.
Proof.
move=> lower_A lower_B; rewrite mxE (bigD1 i) //= big1 ?addr0 // => l ne.
case: (ltngtP i l) => [/lower_A ->|/lower_B ->|eq]; rewrite ?mul0r ?mulr0 //.
by move: ne; rewrite -val_eqE /= eq eqxx.
Qed.

Lemma constant_mul a b A B : constant a A -> constant b B -> constant (a * b) (A *m B).
Proof.
move=> [lower_A diag_A] [lower_B diag_B]; split; first exact: lower_mul.
by move=> i; rewrite diagonal_mul // diag_A diag_B.
Qed.

(** No product of such matrices leaves them: they never fill the lower triangular matrices. *)
Theorem products_constant (As : seq 'M[F]_n) :
  (forall A, A \in As -> exists c, constant c A) -> exists c, constant c (foldr mulmx 1%:M As).
Proof.
elim: As => [_|A As IH all] /=.
  by exists 1; split=> [i j lt|i]; rewrite mxE ?eqxx // -val_eqE ltn_eqF.
have [a const_A] := all A (mem_head _ _).
have [|b const_As] := IH; first by move=> B in_As; apply: all; rewrite inE in_As orbT.
by exists (a * b); apply: constant_mul.
Qed.

End ConstantDiagonal.

Section OrderP.

Variables (F : fieldType) (w : F) (rs : radices).
Hypothesis square_blocks : square rs.
Hypothesis primitive : (outputs rs).-primitive_root w.
Variable f : polynomials F rs.
Hypothesis leads : digits_lead f.
Hypothesis no_wrap : forall j, (degree f j < inputs rs)%N.
Variable n : nat.
Hypothesis room : (n.*2 <= (inputs rs).+1)%N.
Hypothesis capped : forall j : 'I_(inputs rs), (j < n)%N -> (degree f j < n)%N.
Hypothesis le_n : (n <= inputs rs)%N.

Let M : 'M[F]_(inputs rs) := castmx (square_sizes square_blocks, erefl) (monarch (evaluated w 1 0 f)).
Let wide := widen_ord le_n.
Let C : 'M[F]_n := leading (basis f) le_n.

Let primitive' : (inputs rs).-primitive_root w.
Proof. by rewrite -square_sizes. Qed.

Let low (j : 'I_(inputs rs)) : trailing j (basis f j).
Proof. exact: basis_trailing. Qed.

Let high j : (size (basis f j) <= inputs rs)%N.
Proof. exact: leq_trans (basis_size f j) (no_wrap j). Qed.

Let capped' (j : 'I_(inputs rs)) : (j < n)%N -> (size (basis f j) <= n)%N.
Proof. by move=> /capped; apply: leq_trans (basis_size f j). Qed.

(** The Monarch matrix of order p of the sufficient condition, entry by entry. *)
Theorem causal_monarch_computes (k : 'cV[F]_n) (i j : 'I_n) :
  \sum_j' k j' 0 * tensor M M M (wide i) (wide j) (wide j') = (invmx C *m toeplitz (C *m k) *m C) i j.
Proof.
rewrite -(rebased_convolutionE primitive' low high room capped') mxE.
by rewrite /M monarch_values.
Qed.

Theorem causal_monarch_constant (k : 'cV[F]_n) (zero : 'I_n) :
  zero = 0%N :> nat -> constant ((C *m k) zero 0) (invmx C *m toeplitz (C *m k) *m C).
Proof.
move=> is_zero; set c := C *m k; set A := _ *m _ *m C.
have lower_C : lower C by move=> i j; apply: (leading_triangular low).
have lower_T : lower (toeplitz c).
  move=> i j lt; rewrite mxE big_pred0 // => l; apply/eqP => e.
  by move: lt; rewrite -e ltnNge leq_addl.
have lower_A : lower A.
  move=> i j lt; rewrite -causal_monarch_computes big1 // => j' _.
  have /causal_tensor vanish := causal_monarch square_blocks primitive leads no_wrap room capped.
  by rewrite vanish ?mulr0 //=.
split=> // i; have eq : C *m A = toeplitz c *m C by rewrite /A -mulmxA mulKVmx //; apply: (leading_unit low).
have nonzero : C i i != 0 by rewrite mxE; case: (low (wide i)).
apply: (mulfI nonzero); rewrite -diagonal_mul // eq diagonal_mul // mulrC; congr (_ * _).
rewrite mxE (big_pred1 zero) // => l; rewrite -[X in _ == X]add0n eqn_add2r -is_zero.
by rewrite val_eqE.
Qed.

End OrderP.

Print Assumptions product_coefficients.
Print Assumptions rebased_convolution.
Print Assumptions rebased_convolutionE.
Print Assumptions products_constant.
Print Assumptions causal_monarch_computes.
Print Assumptions causal_monarch_constant.
