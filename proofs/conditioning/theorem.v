(** The algebra of the condition bound: a product of p factors U (1 + E), with |E| <= rho < 1 and U of condition 1, has
    condition at most ((1 + rho) / (1 - rho))^p, and differs from the product of the U by at most (1 + rho)^p - 1 of
    the product of their norms. For any norm that is submultiplicative, over any ordered field. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum matrix poly mxalgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The blocks: values of polynomials of degree below b, at w^(i M + I), are a DFT of length b, a diagonal of roots, and
    the coefficients, which are triangular in the causal family. *)
Theorem blocks_factor (F : fieldType) (w : F) b M I (f : 'I_b -> {poly F}) : (forall a, (size (f a) <= b)%N) ->
  \matrix_(i < b, a < b) (f a).[w ^+ (i * M + I)]
  = (\matrix_(i < b, c < b) (w ^+ M) ^+ (i * c)) *m diag_mx (\row_c w ^+ (I * c)) *m (\matrix_(c < b, a < b) (f a)`_c).
Proof.
move=> small; apply/matrixP => i a; rewrite mxE [RHS]mxE (horner_coef_wide _ (small a)).
apply: eq_bigr => c _; rewrite mul_mx_diag !mxE mulrC; congr (_ * _).
by rewrite -!exprM -exprD mulnDl; congr (w ^+ (_ + _)%N); rewrite mulnAC mulnA (mulnC _ M) -mulnA.
Qed.

(** Coefficients from Y^a on make the last of these lower triangular; monic ones, with ones on its diagonal. *)
Theorem coefficients_triangular (F : fieldType) b (f : 'I_b -> {poly F}) :
  (forall a : 'I_b, (forall e, (e < a)%N -> (f a)`_e = 0) /\ (f a)`_a = 1) ->
  is_trig_mx (\matrix_(c < b, a < b) (f a)`_c) /\ \det (\matrix_(c < b, a < b) (f a)`_c) = 1.
Proof.
move=> starts; have trig : is_trig_mx (\matrix_(c < b, a < b) (f a)`_c).
  by apply/is_trig_mxP => c a lt; rewrite mxE; have [zero _] := starts a; apply: zero.
split=> //; rewrite det_trig // big1 // => a _; rewrite mxE; exact: (starts a).2.
Qed.

Section Condition.

Variables (F : fieldType) (R : numFieldType) (n : nat) (norm : 'M[F]_n -> R).
Hypothesis norm0 : norm 0 = 0.
Hypothesis norm_ge0 : forall A, 0 <= norm A.
Hypothesis triangle : forall A B, norm (A + B) <= norm A + norm B.
Hypothesis opposite : forall A, norm (- A) = norm A.
Hypothesis submultiplicative : forall A B, norm (A *m B) <= norm A * norm B.
Hypothesis norm1 : norm 1%:M = 1.

Definition condition (A : 'M[F]_n) : R := norm A * norm (invmx A).

Variable rho : R.
Hypothesis rho_ge0 : 0 <= rho.
Hypothesis rho_lt1 : rho < 1.

Let room : 0 < 1 - rho.
Proof. by rewrite subr_gt0. Qed.

(** One factor 1 + E. *)
Lemma near_identity (E : 'M[F]_n) : norm E <= rho -> norm (1%:M + E) <= 1 + rho.
Proof. by move=> small; apply: le_trans (triangle _ _) _; rewrite norm1 ler_add2l. Qed.

Lemma inverse_near_identity (E : 'M[F]_n) :
  norm E <= rho -> 1%:M + E \in unitmx -> norm (invmx (1%:M + E)) <= (1 - rho)^-1.
Proof.
move=> small unit; set B := invmx _.
have eq : B = 1%:M - E *m B.
  have : (1%:M + E) *m B = 1%:M by rewrite mulmxV.
  by rewrite mulmxDl mul1mx => <-; rewrite addrK.
have bound : norm B <= 1 + rho * norm B.
  rewrite {1}eq; apply: le_trans (triangle _ _) _; rewrite norm1 ler_add2l opposite.
  by apply: le_trans (submultiplicative _ _) _; apply: ler_wpmul2r.
by rewrite -[X in _ <= X]mul1r ler_pdivl_mulr // mulrBr mulr1 ler_subl_addr mulrC.
Qed.

(** Factors (U, E), the last applied first. *)
Definition product (factors : seq ('M[F]_n * 'M[F]_n)) : 'M[F]_n :=
  foldr (fun f A => f.1 *m (1%:M + f.2) *m A) 1%:M factors.

Definition rigid (factors : seq ('M[F]_n * 'M[F]_n)) : 'M[F]_n := foldr (fun f A => f.1 *m A) 1%:M factors.

Definition admissible (f : 'M[F]_n * 'M[F]_n) : Prop :=
  [/\ f.1 \in unitmx, condition f.1 <= 1, norm f.2 <= rho & 1%:M + f.2 \in unitmx].

Lemma product_unit factors : (forall f, f \in factors -> admissible f) -> product factors \in unitmx.
Proof.
elim: factors => [|f factors IH] all /=; first exact: unitmx1.
have [unit _ _ unit'] := all f (mem_head _ _).
by rewrite !unitmx_mul unit unit' IH // => g in_g; apply: all; rewrite inE in_g orbT.
Qed.

Lemma condition_mul A B :
  A \in unitmx -> B \in unitmx -> condition (A *m B) <= condition A * condition B.
Proof.
move=> unit_A unit_B; rewrite /condition.
have -> : invmx (A *m B) = invmx B *m invmx A.
  by apply: (can_inj (mulKmx (_ : A *m B \in unitmx))); rewrite ?unitmx_mul ?unit_A // mulmxV ?unitmx_mul ?unit_A //
    mulmxA -(mulmxA A) mulmxV // mulmx1 mulmxV.
apply: le_trans (ler_pmul _ _ (submultiplicative _ _) (submultiplicative _ _)) _; rewrite ?norm_ge0 //.
by rewrite (mulrC (norm (invmx B))) mulrACA.
Qed.

Let condition_ge0 A : 0 <= condition A.
Proof. by rewrite mulr_ge0. Qed.

(** Main theorem. *)
Theorem condition_bound factors :
  (forall f, f \in factors -> admissible f) ->
  condition (product factors) <= ((1 + rho) / (1 - rho)) ^+ size factors.
Proof.
elim: factors => [_|f factors IH all] /=; first by rewrite /condition invmx1 norm1 mulr1.
have [unit rigid_f small unit'] := all f (mem_head _ _).
have all' g : g \in factors -> admissible g by move=> in_g; apply: all; rewrite inE in_g orbT.
have near : condition (1%:M + f.2) <= (1 + rho) / (1 - rho).
  by apply: ler_pmul => //; [apply: near_identity | apply: inverse_near_identity].
apply: le_trans (condition_mul _ _) _; rewrite ?unitmx_mul ?unit ?product_unit //.
rewrite exprS; apply: ler_pmul; rewrite ?condition_ge0 ?IH //.
apply: le_trans (condition_mul _ _) _ => //; rewrite -[X in _ <= X]mul1r.
by apply: ler_pmul; rewrite ?condition_ge0.
Qed.

Lemma rigid_bound factors : norm (rigid factors) <= \prod_(f <- factors) norm f.1.
Proof.
elim: factors => [|f factors IH] /=; first by rewrite big_nil norm1.
by rewrite big_cons; apply: le_trans (submultiplicative _ _) _; apply: ler_wpmul2l.
Qed.

(** How far the product is from the one with all E = 0. *)
Theorem distance_bound factors :
  (forall f, f \in factors -> norm f.2 <= rho) ->
  norm (product factors - rigid factors) <= ((1 + rho) ^+ size factors - 1) * \prod_(f <- factors) norm f.1.
Proof.
elim: factors => [_|f factors IH all] /=; first by rewrite subrr norm0 subrr mul0r.
have small := all f (mem_head _ _).
have {}IH : norm (product factors - rigid factors) <=
    ((1 + rho) ^+ size factors - 1) * \prod_(f <- factors) norm f.1.
  by apply: IH => g in_g; apply: all; rewrite inE in_g orbT.
set P := product factors in IH *; set G := rigid factors in IH *; set g := \prod_(f <- factors) _ in IH *.
rewrite big_cons -/g; set u := norm f.1.
have -> : f.1 *m (1%:M + f.2) *m P - f.1 *m G = f.1 *m ((1%:M + f.2) *m (P - G) + f.2 *m G).
  by rewrite -mulmxA -mulmxBr; congr (_ *m _); rewrite mulmxBr mulmxDl mul1mx mulmxDl mul1mx opprD addrA subrK.
apply: le_trans (submultiplicative _ _) _; rewrite mulrCA; apply: ler_wpmul2l => //.
apply: le_trans (triangle _ _) _.
have first : norm ((1%:M + f.2) *m (P - G)) <= (1 + rho) * (((1 + rho) ^+ size factors - 1) * g).
  by apply: le_trans (submultiplicative _ _) _; apply: ler_pmul => //; apply: near_identity.
have second : norm (f.2 *m G) <= rho * g.
  by apply: le_trans (submultiplicative _ _) _; apply: ler_pmul => //; apply: rigid_bound.
apply: le_trans (ler_add first second) _.
by rewrite mulrA -mulrDl mulrBr mulr1 -exprS opprD addrA subrK.
Qed.

End Condition.

Print Assumptions blocks_factor.
Print Assumptions coefficients_triangular.
Print Assumptions condition_bound.
Print Assumptions distance_bound.
