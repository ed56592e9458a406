(** Univariate view: a matrix is Monarch of order p exactly when its columns are the values, at the N-th roots of
    unity, of products q_j(Z) = f_0(Z^(N/M_0)) ... f_{p-1}(Z) with deg f_k < M_k = m_0 ... m_k. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly polydiv.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.points foundations.polynomials.
From MonarchProofs Require Import entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section UnivariateView.

Variables (F : fieldType) (w : F).

(** Z^A at the output index (t m + s) M + I depends on the digit s and on what came before, I, not on t. *)
Lemma stage_point A m M t s I :
  w ^+ (A * (m * M)) = 1 -> (w ^+ ((t * m + s) * M + I)) ^+ A = w ^+ (A * (s * M + I)).
Proof.
move=> one; rewrite -exprM.
have -> : (((t * m + s) * M + I) * A = A * (m * M) * t + A * (s * M + I))%N.
  by rewrite (mulnDl (t * m)%N) -addnA mulnDl (mulnC _ A) (mulnC _ A) -(mulnA t) (mulnC t) mulnA.
by rewrite exprD exprM one expr1n mul1r.
Qed.

(** The factors behind the polynomials, in the middle of the recursion: M is the product of the output radices of the
    stages before, I < M is what the output digits so far amount to, so that the output index is t * M + I. *)
Fixpoint evaluated (rs : radices) (M I : nat) : polynomials F rs -> factors F rs :=
  match rs return polynomials F rs -> factors F rs with
  | (m, n) :: rest => fun f =>
      (fun j => \matrix_(s, a) (f.1 a j).[w ^+ (outputs rest * (s * M + I))],
       fun s : 'I_m => evaluated (m * M) (s * M + I) f.2)
  | [::] => fun _ => tt
  end.

Lemma evaluated_basis rs (f : polynomials F rs) M I i j :
  w ^+ (outputs rs * M) = 1 -> monarch (evaluated M I f) i j = (basis f j).[w ^+ (i * M + I)].
Proof.
elim: rs f M I i j => [|[m n] rest IH] f M I i j /= one; first by rewrite mxE !ord1 hornerC.
case: (join_split i) => t [s ->]; case: (join_split j) => a [j' ->] /=.
rewrite entry_order2 mxE high_join low_join hornerM horner_comp hornerXn mulrC.
rewrite stage_point ?mulnA // IH ?mulnA //.
by rewrite mulnDl addnA.
Qed.

(** Every choice of polynomials gives a Monarch matrix, over any field, w any root of Z^N = 1. *)
Theorem polynomials_to_monarch rs (f : polynomials F rs) :
  w ^+ outputs rs = 1 -> forall i j, monarch (evaluated 1 0 f) i j = (basis f j).[w ^+ i].
Proof. by move=> one i j; rewrite evaluated_basis muln1 ?addn0. Qed.

Lemma monarch_family_to_polynomials rs M (G : 'I_M -> factors F rs) :
  (outputs rs * M).-primitive_root w ->
  exists2 f : polynomials F rs, reduced M f
    & forall I i j, monarch (G I) i j = (basis f j).[w ^+ (i * M + I)].
Proof.
elim: rs M G => [|[m n] rest IH] M G primitive.
  by exists tt => // I i j; rewrite mxE !ord1 hornerC.
have primitive' : (outputs rest * (m * M)).-primitive_root w by rewrite mulnA.
case: (IH (m * M)%N (fun k => (G (low k)).2 (high k)) primitive') => f' small values.
pose point (k : 'I_(m * M)) := (w ^+ outputs rest) ^+ k.
have distinct : injective point.
  apply: powers_distinct; have := dvdn_prim_root primitive' (dvdn_mull (outputs rest) (dvdnn (m * M))).
  by rewrite mulnK // lt0n; apply: contraTneq (prim_order_gt0 primitive') => ->; rewrite muln0.
pose f a j := interpolant point (fun k => (G (low k)).1 j (high k) a).
exists (f, f') => [|I i j]; first by split=> // a j; apply: size_interpolant.
case: (join_split i) => t [s ->]; case: (join_split j) => a [j' ->] /=.
rewrite entry_order2 high_join low_join hornerM horner_comp hornerXn mulrC.
rewrite stage_point ?(prim_expr_order primitive') // exprM -[_ ^+ (s * M + I)]/(point (join s I)).
rewrite interpolantE // high_join low_join; congr (_ * _).
have := values (join s I) t j'; rewrite high_join low_join => ->.
by rewrite /= mulnDl addnA mulnA.
Qed.

(** Every Monarch matrix comes from polynomials with deg f_k < M_k, w a primitive N-th root of unity. *)
Theorem monarch_to_polynomials rs (G : factors F rs) :
  (outputs rs).-primitive_root w ->
  exists2 f : polynomials F rs, reduced 1 f & forall i j, monarch G i j = (basis f j).[w ^+ i].
Proof.
move=> primitive; have primitive1 : (outputs rs * 1).-primitive_root w by rewrite muln1.
case: (monarch_family_to_polynomials (fun _ : 'I_1 => G) primitive1) => f small values.
by exists f => // i j; rewrite (values ord0) muln1 addn0.
Qed.

(** Nothing is lost by reading q_j modulo Z^N - 1. *)
Theorem modulo_same_values N (p : {poly F}) (i : nat) :
  w ^+ N = 1 -> (p %% ('X^N - 1)).[w ^+ i] = p.[w ^+ i].
Proof.
move=> one; rewrite [in RHS](divp_eq p ('X^N - 1)) hornerD hornerM hornerD hornerN hornerXn hornerC.
by rewrite -exprM mulnC exprM one expr1n subrr mulr0 add0r.
Qed.

(** Order 2, written out: input j = a0 b1 + a1, output i = t b0 + s, and
    M[i, j] = q_j(w^i), q_j(Z) = l_{a1}(Z) r_j(Z^b1). *)
Corollary order2 b0 b1 (l : 'I_b1 -> {poly F}) (r : 'I_b0 -> 'I_b1 -> {poly F}) :
  w ^+ (b1 * b0) = 1 ->
  forall t s a0 a1,
    monarch2 (fun s => \matrix_(t, a1) (l a1).[w ^+ (join t s : 'I_(b1 * b0))])
             (fun a1 => \matrix_(s, a0) (r a0 a1).[(w ^+ b1) ^+ s]) (join t s) (join a0 a1)
    = (l a1 * (r a0 a1 \Po 'X^b1)).[w ^+ (join t s : 'I_(b1 * b0))].
Proof.
move=> one t s a0 a1; rewrite entry_order2 !mxE hornerM horner_comp hornerXn; congr (_ * _.[_]).
by have := @stage_point b1 b0 1 t s 0; rewrite !muln1 !addn0 => -> //; rewrite exprM.
Qed.

End UnivariateView.

Print Assumptions polynomials_to_monarch.
Print Assumptions monarch_to_polynomials.
Print Assumptions modulo_same_values.
Print Assumptions order2.
