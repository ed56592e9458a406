(** Rounding errors in the model fl(x op y) = (x op y)(1 + d) + e, |d| <= u, |e| <= eta: a sum by any tree, an inner
    product, real or complex, and what one factor after another adds up to. Over any ordered field. *)
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

(** With underflow: every operation may be off by e besides, |e| <= eta, and E bounds what comes of that. *)

Section Underflow.

Variable eta : R.
Hypothesis eta_ge0 : 0 <= eta.

Inductive computes_eta : nat -> R -> R -> R -> R -> Prop :=
  | ExactE x : computes_eta 0 x x `|x| 0
  | RoundedE c x y : `|y - x| <= growth c * `|x| -> computes_eta c x y `|x| 0
  | StoredE m x y X E d e : computes_eta m x y X E -> `|d| <= u -> `|e| <= eta ->
      computes_eta m.+1 x (y * (1 + d) + e) X (E * (1 + u) + eta)
  | PlusE m m' x y X E x' y' X' E' d e : computes_eta m x y X E -> computes_eta m' x' y' X' E' ->
      `|d| <= u -> `|e| <= eta ->
      computes_eta (maxn m m').+1 (x + x') ((y + y') * (1 + d) + e) (X + X') ((E + E') * (1 + u) + eta)
  | TimesE m m' x y X E x' y' X' E' d e : computes_eta m x y X E -> computes_eta m' x' y' X' E' ->
      `|d| <= u -> `|e| <= eta ->
      computes_eta (m + m').+1 (x * x') (y * y' * (1 + d) + e) (X * X')
        ((E * ((1 + u) ^+ m' * X') + E' * ((1 + u) ^+ m * X) + E * E') * (1 + u) + eta).

(** One more rounding, with what was off in the absolute. *)
Lemma round_once_eta x y bound n E d e : `|x| <= bound -> `|y - x| <= growth n * bound + E -> `|d| <= u -> `|e| <= eta ->
  `|y * (1 + d) + e - x| <= growth n.+1 * bound + (E * (1 + u) + eta).
Proof.
move=> le_x near small_d small_e; have -> : y * (1 + d) + e - x = (y - x) * (1 + d) + x * d + e.
  by rewrite mulrBl mulrDr mulr1 [x * (1 + d)]mulrDr mulr1 opprD addrA subrK addrAC.
apply: le_trans (ler_norm_add _ _) _; rewrite addrA; apply: ler_add => //.
apply: le_trans (ler_norm_add _ _) _; rewrite !normrM.
have le_1d : `|1 + d| <= 1 + u by apply: le_trans (ler_norm_add _ _) _; rewrite normr1 ler_add2l.
apply: le_trans (ler_add (ler_pmul _ _ near le_1d) (ler_pmul _ _ le_x small_d)) _ => //.
rewrite (_ : growth n.+1 = growth n * (1 + u) + u); last by rewrite /growth exprSr mulrBl mul1r opprD addrA subrK.
by rewrite mulrDl mulrDl -!addrA [_ + bound * u]addrC (mulrC bound) mulrAC !addrA.
Qed.

Lemma power_growth m : (1 + u) ^+ m = growth m + 1.
Proof. by rewrite /growth subrK. Qed.

Lemma product_error (g g' X X' E E' : R) :
  (g * X + E) * (g' * X' + E') + (g * X + E) * X' + X * (g' * X' + E')
  = ((g + 1) * (g' + 1) - 1) * (X * X') + (E * ((g' + 1) * X') + E' * ((g + 1) * X) + E * E').
Proof.
have whole P P' : P * P' + P * X' + X * P' = (P + X) * (P' + X') - X * X' by rewrite mulrDl !mulrDr addrA addrK.
have up h (Y e : R) : h * Y + e + Y = (h + 1) * Y + e by rewrite mulrDl mul1r addrAC.
rewrite whole !up; move: (g + 1) (g' + 1) => a a'.
rewrite mulrDl !mulrDr mulrACA (mulrC (a * X) E') mulrBl mul1r -!addrA; congr (_ + _).
by rewrite addrCA [RHS]addrCA; congr (_ + _); rewrite addrA addrC.
Qed.

Theorem rounding_underflow m x y X E :
  computes_eta m x y X E -> [/\ `|x| <= X, 0 <= E & `|y - x| <= growth m * X + E].
Proof.
have base_ge0 : 0 <= 1 + u by apply: le_trans ler01 base_ge1.
elim=> {m x y X E} [x|c x y near|m x y X E d e _ [le E_ge0 near] small_d small_e|
    m m' x y X E x' y' X' E' d e _ [le E_ge0 near] _ [le' E'_ge0 near'] small_d small_e|
    m m' x y X E x' y' X' E' d e _ [le E_ge0 near] _ [le' E'_ge0 near'] small_d small_e].
- by split=> //; rewrite subrr normr0 addr0 mulr_ge0 ?growth_ge0.
- by rewrite addr0.
- split=> //; last exact: round_once_eta.
  by apply: addr_ge0 => //; apply: mulr_ge0.
- have sum : `|x + x'| <= X + X' by apply: le_trans (ler_norm_add _ _) _; apply: ler_add.
  split=> //; first by do 2?[apply: addr_ge0 => //; apply: mulr_ge0 => //].
  apply: round_once_eta => //; rewrite opprD addrACA; apply: le_trans (ler_norm_add _ _) _.
  rewrite mulrDr addrACA; apply: ler_add.
    apply: le_trans near _; rewrite ler_add2r.
    by apply: ler_wpmul2r; rewrite ?(near_ge0 le) // growth_le ?leq_maxl.
  apply: le_trans near' _; rewrite ler_add2r.
  by apply: ler_wpmul2r; rewrite ?(near_ge0 le') // growth_le ?leq_maxr.
- have X_ge0 := near_ge0 le; have X'_ge0 := near_ge0 le'.
  have product : `|x * x'| <= X * X' by rewrite normrM ler_pmul.
  have power_ge0 k : 0 <= (1 + u) ^+ k by apply: exprn_ge0.
  split=> //; first by do 2?[apply: addr_ge0 => //; apply: mulr_ge0 => //]; do !apply: addr_ge0; do !apply: mulr_ge0.
  apply: round_once_eta => //.
  have -> : y * y' - x * x' = (y - x) * (y' - x') + (y - x) * x' + x * (y' - x').
    by rewrite mulrBr subrK mulrBl mulrBr addrA subrK.
  apply: le_trans (ler_norm_add _ _) _.
  apply: le_trans (ler_add (ler_norm_add _ _) (lexx _)) _; rewrite !normrM.
  set a := `|y - x| in near *; set a' := `|y' - x'| in near' *.
  apply: (@le_trans _ _ ((growth m * X + E) * (growth m' * X' + E') + (growth m * X + E) * X' + X * (growth m' * X' + E'))).
    by apply: ler_add; [apply: ler_add|]; apply: ler_pmul; rewrite ?normr_ge0.
  by rewrite product_error -!power_growth -exprD.
Qed.

(** An inner product, of products summed in any order: n products and n - 1 sums may underflow. *)
Inductive inner : Type := Product of R & R & R & R | Sum of inner & inner & R & R.

Fixpoint inner_exact t : R := match t with Product a b _ _ => a * b | Sum s t _ _ => inner_exact s + inner_exact t end.
Fixpoint inner_computed t : R :=
  match t with
  | Product a b d e => a * b * (1 + d) + e
  | Sum s t d e => (inner_computed s + inner_computed t) * (1 + d) + e
  end.
Fixpoint inner_absolute t : R :=
  match t with Product a b _ _ => `|a| * `|b| | Sum s t _ _ => inner_absolute s + inner_absolute t end.
Fixpoint terms t : nat := match t with Product _ _ _ _ => 1 | Sum s t _ _ => terms s + terms t end.
Fixpoint bounded t : Prop :=
  match t with
  | Product _ _ d e => `|d| <= u /\ `|e| <= eta
  | Sum s t d e => [/\ bounded s, bounded t, `|d| <= u & `|e| <= eta]
  end.

Lemma terms_gt0 t : (0 < terms t)%N.
Proof. by elim: t => //= s IH t _ _ _; rewrite addn_gt0 IH. Qed.

Lemma inner_computes t : bounded t -> exists m E,
  [/\ computes_eta m (inner_exact t) (inner_computed t) (inner_absolute t) E, (m <= terms t)%N &
      E <= (terms t).*2.-1%:R * (1 + u) ^+ (terms t).-1 * eta].
Proof.
elim: t => [a b d e [small_d small_e]|s IHs t IHt d e [/IHs [m [E [run le_m le_E]]] /IHt [m' [E' [run' le_m' le_E']]]
    small_d small_e]] /=.
  exists 1%N; exists ((0 * ((1 + u) ^+ 0 * `|b|) + 0 * ((1 + u) ^+ 0 * `|a|) + 0 * 0) * (1 + u) + eta); split=> //.
    by apply: (TimesE (m := 0) (m' := 0)) => //; apply: ExactE.
  by rewrite !mul0r !addr0 mul0r add0r expr0 !mul1r.
exists (maxn m m').+1; exists ((E + E') * (1 + u) + eta); split; first exact: PlusE.
  rewrite gtn_max; apply/andP; split.
    by apply: leq_ltn_trans le_m _; rewrite -[X in (X < _)%N]addn0 ltn_add2l terms_gt0.
  by apply: leq_ltn_trans le_m' _; rewrite -[X in (X < _)%N]add0n ltn_add2r terms_gt0.
have [h eh] : exists h, terms s = h.+1 by exists (terms s).-1; rewrite prednK ?terms_gt0.
have [k ek] : exists k, terms t = k.+1 by exists (terms t).-1; rewrite prednK ?terms_gt0.
move: le_E le_E'; rewrite eh ek !addSn !addnS !doubleS /= => le_E le_E'.
set B := (1 + u) ^+ (h + k).+1.
have B_ge1 : 1 <= B by rewrite exprn_ege1 // base_ge1.
have grow c l : (l <= h + k)%N -> c%:R * (1 + u) ^+ l * eta * (1 + u) <= c%:R * B * eta.
  move=> le; rewrite mulrAC -!mulrA; apply: ler_wpmul2l; first exact: ler0n.
  by rewrite mulrA -exprSr; apply: ler_wpmul2r => //; apply: ler_weexpn2l => //; apply: base_ge1.
apply: (@le_trans _ _ ((h.*2.+1)%:R * B * eta + (k.*2.+1)%:R * B * eta + B * eta)).
  rewrite mulrDl; apply: ler_add; last by rewrite -[X in X <= _]mul1r ler_wpmul2r.
  have step x y : x <= y -> x * (1 + u) <= y * (1 + u) by move=> le; rewrite ler_wpmul2r ?(le_trans ler01 base_ge1).
  by apply: ler_add; [apply: le_trans (step _ _ le_E) (grow _ _ _) | apply: le_trans (step _ _ le_E') (grow _ _ _)];
    rewrite ?leq_addr ?leq_addl.
rewrite -[X in _ + X * _]mul1r -!mulrDl; do 2!apply: ler_wpmul2r => //; first exact: le_trans ler01 B_ge1.
by rewrite -[X in _ + X]/(1%:R) -!natrD ler_nat doubleD !addSn !addnS addn0.
Qed.

Theorem inner_underflow t : bounded t ->
  `|inner_computed t - inner_exact t|
    <= growth (terms t) * inner_absolute t + (terms t).*2.-1%:R * (1 + u) ^+ (terms t).-1 * eta.
Proof.
move=> /inner_computes [m [E [run le_m le_E]]]; have [le E_ge0 near] := rounding_underflow run.
by apply: le_trans near _; apply: ler_add => //; apply: ler_wpmul2r; rewrite ?growth_le ?(near_ge0 le).
Qed.

End Underflow.

(** Complex values: a part of (a + ib)(c + id) is an inner product of two terms, of moduli no more than that of the
    product, and two parts that are off by B make a modulus of at most B sqrt 2. *)
Lemma sqr_sum (x y : R) : (x + y) ^+ 2 = x ^+ 2 + y ^+ 2 + (x * y) *+ 2.
Proof. by rewrite sqrrD addrAC. Qed.

Theorem complex_part (a b c d s : R) :
  0 <= s -> s ^+ 2 = (a ^+ 2 + b ^+ 2) * (c ^+ 2 + d ^+ 2) -> `|a| * `|c| + `|b| * `|d| <= s.
Proof.
move=> s_ge0 modulus; rewrite -ler_sqr ?nnegrE ?addr_ge0 ?mulr_ge0 // modulus.
have -> : (a ^+ 2 + b ^+ 2) * (c ^+ 2 + d ^+ 2)
    = (`|a| * `|c| + `|b| * `|d|) ^+ 2 + (`|a| * `|d| - `|b| * `|c|) ^+ 2.
  rewrite sqr_sum sqrrB !exprMn !real_normK ?num_real // mulrDl !mulrDr.
  set p := a ^+ 2 * c ^+ 2; set q := a ^+ 2 * d ^+ 2; set r := b ^+ 2 * c ^+ 2; set t := b ^+ 2 * d ^+ 2.
  have -> : `|a| * `|c| * (`|b| * `|d|) = `|a| * `|d| * (`|b| * `|c|) by rewrite mulrACA [RHS]mulrACA (mulrC `|c|).
  by set w := _ *+ 2; rewrite -[RHS]addrA (addrA w) (addrC w) subrK [RHS]addrACA (addrC t).
by rewrite ler_addl sqr_ge0.
Qed.

Theorem complex_modulus (x y B : R) : `|x| <= B -> `|y| <= B -> x ^+ 2 + y ^+ 2 <= (B ^+ 2) *+ 2.
Proof.
have square z : `|z| <= B -> z ^+ 2 <= B ^+ 2.
  by move=> le; rewrite -[z ^+ 2]real_normK ?num_real // ler_sqr ?nnegrE // (le_trans (normr_ge0 _) le).
by move=> /square le_x /square le_y; rewrite mulr2n ler_add.
Qed.

End Rounding.

Print Assumptions growth_gamma.
Print Assumptions sum_by_tree.
Print Assumptions sum_by_any_tree.
Print Assumptions rounding_bound.
Print Assumptions rounding_gamma.
Print Assumptions rounding_underflow.
Print Assumptions inner_underflow.
Print Assumptions complex_part.
Print Assumptions complex_modulus.
