(** Rounding errors in the model fl(x op y) = (x op y)(1 + d), |d| <= u, without underflow: a sum by any tree, an inner
    product, and what one factor after another adds up to. Over any ordered field. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Rounding.

Variables (R : realFieldType) (u : R).
Hypothesis u_ge0 : 0 <= u.

(** gamma_n = n u / (1 - n u). *)
Definition gamma (n : nat) : R := n%:R * u / (1 - n%:R * u).

(** What n factors 1 + d with |d| <= u come to: |theta| <= (1 + u)^n - 1. *)
Definition growth (n : nat) : R := (1 + u) ^+ n - 1.

Lemma base_ge1 : 1 <= 1 + u.
Proof. by rewrite ler_addl. Qed.

Lemma growth_ge0 n : 0 <= growth n.
Proof. by rewrite subr_ge0 exprn_ege1 // base_ge1. Qed.

Lemma growth_le m n : (m <= n)%N -> growth m <= growth n.
Proof. by move=> le; rewrite ler_add2r; apply: ler_weexpn2l => //; apply: base_ge1. Qed.

(** Bernoulli, from the other side: (1 + u)^n (1 - n u) <= 1. *)
Lemma growth_bernoulli n : n%:R * u < 1 -> (1 + u) ^+ n * (1 - n%:R * u) <= 1.
Proof.
elim: n => [_|n IH small]; first by rewrite expr0 mul0r subr0 mulr1.
have small' : n%:R * u < 1.
  by apply: le_lt_trans small; rewrite ler_wpmul2r // ler_nat.
apply: le_trans (IH small'); rewrite exprSr -mulrA ler_wpmul2l ?exprn_ge0 ?(le_trans ler01 base_ge1) //.
have -> : n.+1%:R * u = n%:R * u + u by rewrite -addn1 natrD mulrDl mul1r.
set a := n%:R * u.
have -> : (1 + u) * (1 - (a + u)) = 1 - a - u * (a + u) by rewrite mulrDl mul1r mulrBr mulr1 opprD !addrA subrK.
by rewrite ler_subl_addr ler_addl mulr_ge0 // addr_ge0 // mulr_ge0 ?ler0n.
Qed.

Theorem growth_gamma n : n%:R * u < 1 -> growth n <= gamma n.
Proof.
move=> small; have room : 0 < 1 - n%:R * u by rewrite subr_gt0.
rewrite /gamma /growth ler_pdivl_mulr // mulrBl mul1r ler_subl_addr.
by apply: le_trans (growth_bernoulli small) _; rewrite addrC subrK.
Qed.

(** A summation tree: leaves are terms, every node one rounded addition, with errors of its own. *)
Inductive tree : Type := Leaf of R | Node of tree & tree & R.

Fixpoint exact_sum t : R := match t with Leaf x => x | Node a b _ => exact_sum a + exact_sum b end.
Fixpoint computed t : R := match t with Leaf x => x | Node a b d => (computed a + computed b) * (1 + d) end.
Fixpoint absolute t : R := match t with Leaf x => `|x| | Node a b _ => absolute a + absolute b end.
Fixpoint depth t : nat := match t with Leaf _ => 0 | Node a b _ => (maxn (depth a) (depth b)).+1 end.
Fixpoint leaves t : nat := match t with Leaf _ => 1 | Node a b _ => leaves a + leaves b end.
Fixpoint small t : Prop := match t with Leaf _ => True | Node a b d => [/\ small a, small b & `|d| <= u] end.

Lemma absolute_ge0 t : 0 <= absolute t.
Proof. by elim: t => [x|a IHa b IHb d] /=; rewrite ?normr_ge0 ?addr_ge0. Qed.

Lemma exact_absolute t : `|exact_sum t| <= absolute t.
Proof. by elim: t => [x|a IHa b IHb d] //=; apply: le_trans (ler_norm_add _ _) _; apply: ler_add. Qed.

(** One more rounding of something already wrong by a growth of n. *)
Lemma round_once x y bound n d : `|x| <= bound -> `|y - x| <= growth n * bound -> `|d| <= u ->
  `|y * (1 + d) - x| <= growth n.+1 * bound.
Proof.
move=> le_x near small_d; have -> : y * (1 + d) - x = (y - x) * (1 + d) + x * d.
  by rewrite mulrBl mulrDr mulr1 [x * (1 + d)]mulrDr mulr1 opprD addrA subrK.
apply: le_trans (ler_norm_add _ _) _; rewrite !normrM.
have le_1d : `|1 + d| <= 1 + u by apply: le_trans (ler_norm_add _ _) _; rewrite normr1 ler_add2l.
apply: le_trans (ler_add (ler_pmul _ _ near le_1d) (ler_pmul _ _ le_x small_d)) _ => //.
rewrite (_ : growth n.+1 = growth n * (1 + u) + u); first by rewrite mulrDl mulrAC (mulrC bound).
by rewrite /growth exprSr mulrBl mul1r opprD addrA subrK.
Qed.

(** Any order of summation: the depth of the tree counts, and n - 1 additions always suffice. *)
Theorem sum_by_tree t : small t -> `|computed t - exact_sum t| <= growth (depth t) * absolute t.
Proof.
elim: t => [x|a IHa b IHb d] /=; first by rewrite subrr normr0 mulr_ge0 ?growth_ge0.
move=> [/IHa near_a /IHb near_b small_d]; apply: round_once => //.
  by apply: le_trans (ler_norm_add _ _) _; apply: ler_add; apply: exact_absolute.
rewrite opprD addrACA; apply: le_trans (ler_norm_add _ _) _; rewrite mulrDr; apply: ler_add.
  by apply: le_trans near_a _; apply: ler_wpmul2r; rewrite ?absolute_ge0 // growth_le ?leq_maxl.
by apply: le_trans near_b _; apply: ler_wpmul2r; rewrite ?absolute_ge0 // growth_le ?leq_maxr.
Qed.

Lemma leaves_gt0 t : (0 < leaves t)%N.
Proof. by elim: t => //= a IHa b _ _; rewrite addn_gt0 IHa. Qed.

Lemma depth_leaves t : (depth t < leaves t)%N.
Proof.
elim: t => //= a IHa b IHb _; apply: leq_ltn_trans (_ : maxn (leaves a) (leaves b) < _)%N.
  by rewrite -maxnSS geq_max !leq_max IHa IHb orbT.
by rewrite gtn_max -{1}(addn0 (leaves a)) ltn_add2l -{2}(add0n (leaves b)) ltn_add2r !leaves_gt0.
Qed.

Corollary sum_by_any_tree t : small t -> (leaves t).-1%:R * u < 1 ->
  `|computed t - exact_sum t| <= gamma (leaves t).-1 * absolute t.
Proof.
move=> all_small room; apply: le_trans (sum_by_tree all_small) _; apply: ler_wpmul2r; first exact: absolute_ge0.
apply: le_trans (growth_gamma room); apply: growth_le.
by rewrite -ltnS prednK ?leaves_gt0 ?depth_leaves.
Qed.

(** A program of rounded operations: x the true value, y the computed one, X the same program on absolute values, and m
    the most roundings on a path from a datum to the result. *)
Inductive computes : nat -> R -> R -> R -> Prop :=
  | Exact x : computes 0 x x `|x|
  | Rounded c x y : `|y - x| <= growth c * `|x| -> computes c x y `|x|
  | Plus m m' x y X x' y' X' d : computes m x y X -> computes m' x' y' X' -> `|d| <= u ->
      computes (maxn m m').+1 (x + x') ((y + y') * (1 + d)) (X + X')
  | Times m m' x y X x' y' X' d : computes m x y X -> computes m' x' y' X' -> `|d| <= u ->
      computes (m + m').+1 (x * x') (y * y' * (1 + d)) (X * X').

Lemma near_ge0 (x X : R) : `|x| <= X -> 0 <= X.
Proof. by apply: le_trans; apply: normr_ge0. Qed.

Lemma growth_mul m m' : growth m * growth m' + growth m + growth m' = growth (m + m').
Proof.
rewrite /growth exprD; move: (_ ^+ m) (_ ^+ m') => a b.
by rewrite mulrBr mulr1 subrK mulrBl mul1r addrA subrK.
Qed.

(** Main theorem: every such program, in any order of its sums, and stage after stage. *)
Theorem rounding_bound m x y X : computes m x y X -> `|x| <= X /\ `|y - x| <= growth m * X.
Proof.
elim=> {m x y X} [x|c x y near|m m' x y X x' y' X' d _ [le near] _ [le' near'] small_d|
    m m' x y X x' y' X' d _ [le near] _ [le' near'] small_d] //.
- by rewrite subrr normr0 mulr_ge0 ?growth_ge0.
- have sum : `|x + x'| <= X + X' by apply: le_trans (ler_norm_add _ _) _; apply: ler_add.
  split=> //; apply: round_once => //; rewrite opprD addrACA; apply: le_trans (ler_norm_add _ _) _.
  rewrite mulrDr; apply: ler_add.
    by apply: le_trans near _; apply: ler_wpmul2r; rewrite ?(near_ge0 le) // growth_le ?leq_maxl.
  by apply: le_trans near' _; apply: ler_wpmul2r; rewrite ?(near_ge0 le') // growth_le ?leq_maxr.
- have product : `|x * x'| <= X * X' by rewrite normrM ler_pmul.
  split=> //; apply: round_once => //.
  have -> : y * y' - x * x' = (y - x) * (y' - x') + (y - x) * x' + x * (y' - x').
    by rewrite mulrBr subrK mulrBl mulrBr addrA subrK.
  apply: le_trans (ler_norm_add _ _) _.
  apply: le_trans (ler_add (ler_norm_add _ _) (lexx _)) _; rewrite !normrM.
  have -> : growth (m + m') * (X * X') = growth m * growth m' * (X * X') + growth m * (X * X') + growth m' * (X * X').
    by rewrite -growth_mul; move: (growth m) (growth m') => a b; rewrite !mulrDl.
  apply: ler_add; first apply: ler_add.
  + by rewrite mulrACA; apply: ler_pmul.
  + by rewrite mulrA; apply: ler_pmul.
  by rewrite mulrCA; apply: ler_pmul.
Qed.

Corollary rounding_gamma m x y X : computes m x y X -> m%:R * u < 1 -> `|y - x| <= gamma m * X.
Proof.
move=> program room; have [le near] := rounding_bound program.
by apply: le_trans near _; apply: ler_wpmul2r; rewrite ?(near_ge0 le) ?growth_gamma.
Qed.

End Rounding.

Print Assumptions growth_gamma.
Print Assumptions sum_by_tree.
Print Assumptions sum_by_any_tree.
Print Assumptions rounding_bound.
Print Assumptions rounding_gamma.
