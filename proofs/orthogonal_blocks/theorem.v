(** Orthogonal Monarch matrices: orthogonal blocks give one; and one whose blocks are square has orthogonal blocks,
    after scaling. Every order. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Isometries.

Variable R : comRingType.

(** Columns are orthonormal. *)
Definition isometry m n (A : 'M[R]_(m, n)) : Prop := A^T *m A = 1%:M.

Lemma isometryE m n (A : 'M[R]_(m, n)) : isometry A <-> forall a c, \sum_t A t a * A t c = (a == c)%:R.
Proof.
split=> [/matrixP all a c|all]; last apply/matrixP => a c.
  by have := all a c; rewrite !mxE => <-; apply: eq_bigr => t _; rewrite mxE.
by rewrite !mxE -all; apply: eq_bigr => t _; rewrite mxE.
Qed.

Lemma isometry_order2 m0 m1 n0 n1 (L : 'I_m0 -> 'M[R]_(m1, n1)) (B : 'I_n1 -> 'M[R]_(m0, n0)) :
  (forall s, isometry (L s)) -> (forall a, isometry (B a)) -> isometry (monarch2 L B).
Proof.
move=> iso_L iso_B; apply/isometryE => j j'.
case: (join_split j) => a0 [a1 ->]; case: (join_split j') => c0 [c1 ->]; rewrite big_join exchange_big /=.
rewrite (eq_bigr (fun s => (a1 == c1)%:R * (B a1 s a0 * B c1 s c0))) => [|s _].
  rewrite -mulr_sumr eq_join; case: eqP => [<-|]; last by rewrite mul0r andbF.
  by rewrite mul1r andbT; have /isometryE -> := iso_B a1.
rewrite -(iffLR (isometryE (L s)) (iso_L s)) mulr_suml; apply: eq_bigr => t _.
by rewrite !entry_order2 mulrACA.
Qed.

Fixpoint isometric (rs : radices) : factors R rs -> Prop :=
  if rs is (m, n) :: rest then fun F => (forall l, isometry (F.1 l)) /\ forall s, isometric (F.2 s) else fun _ => True.

Theorem orthogonal_product rs (F : factors R rs) : isometric F -> isometry (monarch F).
Proof.
elim: rs F => [|[m n] rest IH] F /=; first by rewrite /isometry trmx1 mul1mx.
by move=> [iso_B iso_L]; apply: isometry_order2 => // s; apply: IH.
Qed.

End Isometries.

Section Converse.

Variables (R : rcfType) (b0 b1 : nat).
Variables (L : 'I_b0 -> 'M[R]_b1) (B : 'I_b1 -> 'M[R]_b0).
Hypothesis orthogonal : monarch2 L B *m (monarch2 L B)^T = 1%:M.

(** Norm of row s of B_a; the blocks scaled by it. *)
Let norm a s : R := Num.sqrt (\sum_a0 B a s a0 ^+ 2).
Definition L' s : 'M[R]_b1 := \matrix_(t, a) (L s t a * norm a s).
Definition B' a : 'M[R]_b0 := \matrix_(s, a0) (B a s a0 / norm a s).

Let norm_sqr a s : norm a s ^+ 2 = \sum_a0 B a s a0 ^+ 2.
Proof. by rewrite sqr_sqrtr // sumr_ge0 // => a0 _; apply: sqr_ge0. Qed.

Lemma norm_zero a s a0 : norm a s = 0 -> B a s a0 = 0.
Proof.
move=> zero; have /eqP := norm_sqr a s; rewrite zero expr0n /= eq_sym psumr_eq0 => [|c _]; last exact: sqr_ge0.
by move=> /allP /(_ a0 (mem_index_enum _)) /=; rewrite sqrf_eq0 => /eqP.
Qed.

Lemma same_product : monarch2 L' B' = monarch2 L B.
Proof.
apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->].
rewrite !entry_order2 !mxE; have [/eqP zero|nonzero] := boolP (norm a1 s == 0).
  by rewrite zero mulr0 mul0r (norm_zero _ zero) mulr0.
by rewrite mulrACA mulfV // mulr1.
Qed.

(** Inner products of the scaled rows. *)
Let gram s s' : 'rV[R]_b1 := \row_a \sum_a0 B' a s a0 * B' a s' a0.

Lemma rows_meet s s' : L' s *m diag_mx (gram s s') *m (L' s')^T = (s == s')%:R *: 1%:M.
Proof.
have entry (P : 'M[R]_(b1 * b0, b0 * b1)) i j : P *m P^T = 1%:M -> \sum_k P i k * P j k = (i == j)%:R.
  by move=> /matrixP /(_ i j); rewrite [LHS]mxE [RHS]mxE => <-; apply: eq_bigr => k _; rewrite [_^T _ _]mxE.
apply/matrixP => t t'; rewrite [RHS]mxE [X in _ = _ * X]mxE mulrC -natrM mulnb -eq_join.
rewrite -(entry (monarch2 L' B')) ?same_product // big_join exchange_big /= mxE; apply: eq_bigr => a _.
rewrite mul_mx_diag [X in X * _]mxE [_^T _ _]mxE [gram _ _ _ _]mxE mulr_sumr mulr_suml; apply: eq_bigr => a0 _.
by rewrite -same_product !entry_order2 [RHS]mulrACA mulrAC.
Qed.

Lemma gram_diagonal (s : 'I_b0) (a : 'I_b1) : gram s s 0 a = (norm a s != 0)%:R.
Proof.
rewrite mxE (eq_bigr (fun a0 => B a s a0 ^+ 2 / norm a s ^+ 2)) => [|a0 _].
  rewrite -mulr_suml -norm_sqr; have [/eqP ->|nonzero] := boolP (norm a s == 0); first by rewrite expr0n mul0r.
  by rewrite mulfV // expf_neq0.
by rewrite !mxE mulrACA -invfM.
Qed.

Theorem orthogonal_left s : L' s *m (L' s)^T = 1%:M.
Proof.
have := rows_meet s s; rewrite eqxx scale1r => <-; congr (_ *m _); apply/matrixP => t a.
rewrite mul_mx_diag [RHS]mxE gram_diagonal [L' s t a]mxE.
by have [/eqP ->|] := boolP (norm a s == 0); rewrite /= ?mulr0 ?mul0r ?mulr1.
Qed.

Lemma norm_nonzero a s : norm a s != 0.
Proof.
apply/eqP => zero; have /matrixP /(_ a a) := mulmx1C (orthogonal_left s).
rewrite !mxE eqxx big1 => [/esym /eqP|t _]; first by rewrite oner_eq0.
by rewrite !mxE zero mulr0 mul0r.
Qed.

Theorem orthogonal_right a : B' a *m (B' a)^T = 1%:M.
Proof.
apply/matrixP => s s'; have -> : (B' a *m (B' a)^T) s s' = gram s s' 0 a.
  by rewrite mxE [RHS]mxE; apply: eq_bigr => a0 _; rewrite [_^T _ _]mxE.
rewrite [RHS]mxE; have [->|differ] := eqVneq s s'; first by rewrite gram_diagonal norm_nonzero.
have := rows_meet s s'; rewrite (negbTE differ) scale0r => zero.
have {}zero : diag_mx (gram s s') = 0.
  have inverse u : (L' u)^T *m L' u = 1%:M by apply: mulmx1C; apply: orthogonal_left.
  by rewrite -[LHS]mul1mx -[LHS]mulmx1 -{1}(inverse s) -(inverse s') !mulmxA -!(mulmxA _^T) zero mul0mx mulmx0.
by have /matrixP /(_ a a) := zero; rewrite !mxE eqxx mulr1n.
Qed.

(** Main theorem: scaled, the blocks are orthogonal, and the matrix is the same. *)
Theorem orthogonal_factors :
  [/\ monarch2 L' B' = monarch2 L B, forall s, isometry (L' s) & forall a, isometry (B' a)].
Proof.
split; first exact: same_product.
  by move=> s; apply: mulmx1C; apply: orthogonal_left.
by move=> a; apply: mulmx1C; apply: orthogonal_right.
Qed.

End Converse.

(** Every order: the blocks L_s are Monarch matrices of the order below, and so are they with scaled columns. *)
Section EveryOrder.

Variable R : rcfType.

Definition square : radices -> bool := all (fun mn => mn.1 == mn.2).

Lemma square_sides rs : square rs -> outputs rs = inputs rs.
Proof. by elim: rs => [//|[m n] rest IH] /= /andP [/eqP -> /IH ->]; rewrite mulnC. Qed.

(** Columns of a Monarch matrix times the numbers c: stage 0 takes them, if there is one. *)
Lemma scaled_columns m n rest (F : factors R ((m, n) :: rest)) (c : 'I_(inputs ((m, n) :: rest)) -> R) :
  exists F' : factors R ((m, n) :: rest), forall i j, monarch F' i j = monarch F i j * c j.
Proof.
exists (fun a1 => \matrix_(s, a0) (F.1 a1 s a0 * c (join a0 a1)), F.2) => i j /=.
by case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->]; rewrite !entry_order2 mxE mulrA.
Qed.

(** Order 2 again, where the sides of L_s are equal but not the same number. *)
Lemma one_stage b0 b1 m1 (L : 'I_b0 -> 'M[R]_(m1, b1)) (B : 'I_b1 -> 'M[R]_b0) : m1 = b1 ->
  monarch2 L B *m (monarch2 L B)^T = 1%:M ->
  exists (c : 'I_b0 -> 'I_b1 -> R) (B' : 'I_b1 -> 'M[R]_b0),
  [/\ forall s a, 0 <= c s a, forall a, isometry (B' a),
      forall s, (\matrix_(t, a) (L s t a * c s a)) *m (\matrix_(t, a) (L s t a * c s a))^T = 1%:M
    & monarch2 (fun s => \matrix_(t, a) (L s t a * c s a)) B' = monarch2 L B].
Proof.
move=> same; case: _ / same B => B in L *; move=> orthogonal.
have [product left right] := orthogonal_factors orthogonal.
exists (fun s a => Num.sqrt (\sum_a0 B a s a0 ^+ 2)), (B' B); split=> //.
- by move=> s a; apply: sqrtr_ge0.
by move=> s; apply: orthogonal_left.
Qed.

(** Every order, square blocks. *)
Theorem orthogonal_factors_every_order rs (F : factors R rs) : square rs ->
  monarch F *m (monarch F)^T = 1%:M -> exists2 F' : factors R rs, monarch F' = monarch F & isometric F'.
Proof.
elim: rs F => [|[m n] rest IH] F; first by move=> _ _; exists F.
move=> /= /andP [/eqP /= same all_square]; case: _ / same F => F orthogonal.
have [c [B' [c_ge0 iso_B one_L <-]]] := one_stage (square_sides all_square) orthogonal.
have later s : exists G : factors R rest, monarch G = \matrix_(t, a) (monarch (F.2 s) t a * c s a) /\ isometric G.
  case: rest IH all_square F {orthogonal} c B' c_ge0 iso_B one_L => [|[m' n'] rest] IH all_square F c B' c_ge0 _ one_L.
    exists tt; split=> //; apply/matrixP => t a; have /matrixP /(_ t t) := one_L s.
    rewrite !mxE big_ord1 !mxE !ord1 eqxx mul1r => /eqP; rewrite -expr2 sqrf_eq1.
    by case/orP => /eqP c_eq; rewrite c_eq //; have := c_ge0 s 0; rewrite c_eq oppr_ge0 ler10.
  move: (F.2 s) (c s) (one_L s) => E c_s one; have [G scaled] := scaled_columns E c_s.
  have E_eq : monarch G = \matrix_(t, a) (@monarch R ((m', n') :: rest) E t a * c_s a).
    by apply/matrixP => t a; rewrite [RHS]mxE -scaled.
  by rewrite -E_eq in one *; have [F' same iso] := IH G all_square one; exists F'.
have [G G_good] := fin_all_exists later.
exists (B', G); last by split=> // s; have [] := G_good s.
apply/matrixP => i j /=; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->].
by rewrite !entry_order2; have [-> _] := G_good s.
Qed.
End EveryOrder.

Print Assumptions orthogonal_product.
Print Assumptions orthogonal_left.
Print Assumptions orthogonal_right.
Print Assumptions orthogonal_factors.
Print Assumptions orthogonal_factors_every_order.
