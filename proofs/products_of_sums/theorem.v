(** Rounding of products of sums: Strassen's recursion, complex products of three real ones, and Winograd's short
    convolution, in the model of [rounding]: sums are off by 1 + d, |d| <= u, and products by 1 + d and by e besides,
    |e| <= eta. Sums of several terms are added up in any order, each entry in an order of its own. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp matrix.
From MonarchProofs Require Import foundations.identities rounding.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Identities.

Variable F : fieldType.
Add Field F_field : (field_laws F).

(** Strassen's sums, term by term: a, b, c, d and e, f, g, h are entries of the four blocks of either factor. *)
Lemma strassen11 (a b d e g h : F) :
  (a + d) * (e + h) + (d * (g - e) + (- ((a + b) * h) + (b - d) * (g + h))) = a * e + b * g.
Proof. by by_ring F. Qed.

Lemma strassen12 (a b f h : F) : a * (f - h) + (a + b) * h = a * f + b * h.
Proof. by by_ring F. Qed.

Lemma strassen21 (c d e g : F) : (c + d) * e + d * (g - e) = c * e + d * g.
Proof. by by_ring F. Qed.

Lemma strassen22 (a c d e f h : F) :
  (a + d) * (e + h) + (- ((c + d) * e) + (a * (f - h) + (c - a) * (e + f))) = c * f + d * h.
Proof. by by_ring F. Qed.

Lemma off_by_both (y x y' x' : F) : y * y' - x * x' = (y - x) * (y' - x') + ((y - x) * x' + x * (y' - x')).
Proof. by by_ring F. Qed.

Lemma both_parts (g g' a b : F) : g * a * (g' * b) + (g * a * b + a * (g' * b)) = (g * g' + g + g') * (a * b).
Proof. by by_ring F. Qed.

Lemma whole_sum (p x e : F) : (p - 1) * (x + e) + e = p * (x + e) - x.
Proof. by by_ring F. Qed.

Lemma moved_product (r p h ab e : F) : r * (p * ab) + e + (p - 1) * ab * h = (p * (r + h) - h) * ab + e.
Proof. by by_ring F. Qed.

(** Four products summed, two of them of two sums each, and two products of one: w and v are powers of 1 + u. *)
Lemma four_shares (w v t c h ab e two : F) :
  t * (two * two * h * ab + (two * h * ab + (two * h * ab + two * two * h * ab))
      + (two * two * (w * c - h) * ab + e + (two * (v * c - h) * ab + e
         + (two * (v * c - h) * ab + e + (two * two * (w * c - h) * ab + e)))))
    - (two * two * h * ab + (two * h * ab + (two * h * ab + two * two * h * ab)))
  = (two * two * (t * w * c - h) + two * two * (t * w * c - h) + (two * (t * v * c - h) + two * (t * v * c - h))) * ab
    + t * (e + e + (e + e)).
Proof. by by_ring F. Qed.

Lemma two_shares (v t c h ab e two : F) :
  t * (two * h * ab + two * h * ab + (two * (v * c - h) * ab + e + (two * (v * c - h) * ab + e)))
    - (two * h * ab + two * h * ab)
  = (two * (t * v * c - h) + two * (t * v * c - h)) * ab + t * (e + e).
Proof. by by_ring F. Qed.

Lemma real_elements (u p a b e : F) :
  (1 + u) * ((p - 1) * a + e + ((p - 1) * b + e)) + u * (a + b) = ((1 + u) * p - 1) * (a + b) + (1 + 1) * (1 + u) * e.
Proof. by by_ring F. Qed.

Lemma imaginary_elements (v p s a b e : F) :
  v * ((1 + 1) * s + (a + b) + ((v * p - 1) * ((1 + 1) * s) + e + ((p - 1) * a + e + ((p - 1) * b + e))))
    - ((1 + 1) * s + (a + b))
  = (1 + 1) * ((v * (v * p) - 1) * s) + (v * p - 1) * (a + b) + (1 + (1 + 1)) * v * e.
Proof. by by_ring F. Qed.

Lemma parallelogram (x y : F) : (x ^+ 2 + y ^+ 2) *+ 2 - (x + y) ^+ 2 = (x - y) ^+ 2.
Proof. by rewrite mulr2n !expr2; by_ring F. Qed.

Lemma real_share (v w g n ab e : F) :
  (v * ((1 + 1) * g) + (1 + 1) * (n * w)) * ab + (1 + 1) * v * e = v * (g * ab + e + (g * ab + e)) + w * (n * ab + n * ab).
Proof. by by_ring F. Qed.

Lemma three_N (v u n ab : F) :
  ((1 + (1 + 1)) * (v * u) + (1 + 1) * u) * n * ab = v * (u * (n * ab + n * ab + n * ab)) + u * (n * ab + n * ab).
Proof. by by_ring F. Qed.

Lemma two_roundings (p s x k : F) : p * (p * s + x + k) = p * p * s + p * k + p * x.
Proof. by by_ring F. Qed.

Lemma one_rounding (x y x' y' d : F) :
  (x' + y') * (1 + d) - (x + y) = (x' - x + (y' - y)) * (1 + d) + (x + y) * d.
Proof. by by_ring F. Qed.

(** Three real products, each entry: the parts, and what they are off by. *)
Lemma imaginary (a b c d : F) : (a + b) * (c + d) + (- (a * c) - b * d) = a * d + b * c.
Proof. by by_ring F. Qed.

Lemma three_shares (v w n g ab e two e3 : F) : e3 = two * (v * (g + n) - n) * ab + e ->
  v * (e3 + (g * ab + e + (g * ab + e))) + w * n * ab
  = (two * (v * v * g) + (v * g + v * g) + (two * (v * (v - 1)) + w) * n) * ab + v * (e + (e + e)).
Proof. by move=> ->; by_ring F. Qed.

Lemma less_than_nine (q two three : F) (v := q * q) : three = two + 1 ->
  two * (v * (v - 1)) + (three * (q * (q - 1)) + two * (q - 1)) = two * (v * v - 1) + q * (q - 1).
Proof. by move=> ->; rewrite /v; by_ring F. Qed.

(** Winograd's F(2, 3), with h = 1/2. *)
Lemma winograd_sum (a b c e f g h : F) : h + h = 1 ->
  (a - c) * e + ((b + c) * (h * (e + (f + g))) + ((c - b) * (h * (e + (- f + g))))) = a * e + b * f + c * g.
Proof.
move=> one; rewrite -[b * f]mul1r -[c * g]mul1r -one; move: one => /eqP; rewrite -subr_eq0 => /eqP one.
have : (a - c) * e + ((b + c) * (h * (e + (f + g))) + ((c - b) * (h * (e + (- f + g)))))
  - (a * e + (h + h) * (b * f) + (h + h) * (c * g)) = c * e * (h + h - 1) by by_ring F.
by rewrite one mulr0 => /eqP; rewrite subr_eq0 => /eqP.
Qed.

Lemma winograd_shares (v w a b c d e three : F) : three = 1 + (1 + 1) ->
  v * (a + (b + (c + d)) + ((w - 1) * a + e + ((w - 1) * b + e + ((w - 1) * c + e + 0)))) - (a + (b + (c + d)))
  = (v * w - 1) * (a + (b + c)) + (v - 1) * d + three * v * e.
Proof. by move=> ->; by_ring F. Qed.

Lemma apart (p r h : F) : p * (r + h) - h = p * r + (p - 1) * h.
Proof. by by_ring F. Qed.

End Identities.

Section Products.

Variables (R : realFieldType) (u : R).
Hypothesis u_ge0 : 0 <= u.
Local Notation q := (1 + u).
Local Notation G := (growth u).

Lemma base_ge0 : 0 <= q.
Proof. exact: le_trans ler01 (base_ge1 u_ge0). Qed.

Lemma power_ge1 k : 1 <= q ^+ k.
Proof. exact/exprn_ege1/base_ge1. Qed.

Lemma power_ge0 k : 0 <= q ^+ k.
Proof. exact: le_trans ler01 (power_ge1 k). Qed.

Lemma power_le k l : (k <= l)%N -> q ^+ k <= q ^+ l.
Proof. by move=> le; apply: ler_weexpn2l => //; apply: base_ge1. Qed.

Lemma G_ge0 k : 0 <= G k.
Proof. exact: growth_ge0. Qed.

(** Roundings add up to no more than all of them one after the other. *)
Lemma growth_add k l : G k + G l <= G (k + l).
Proof. by rewrite -growth_mul -addrA ler_addr mulr_ge0 ?G_ge0. Qed.

Lemma growth_times c k : c%:R * G k <= G (c * k).
Proof.
elim: c => [|c IH]; first by rewrite mul0r G_ge0.
rewrite -addn1 natrD mulrDl mul1r mulnDl mul1n; apply: le_trans (growth_add _ _); exact: ler_add.
Qed.

(** A product that is off by r roundings of its moduli, of h terms, whose operands are off by e together. *)
Lemma grown (h r e : nat) : (0 < h)%N -> q ^+ e * (G r + h%:R) - h%:R <= G (r + e * h).
Proof.
move=> h_gt0; rewrite apart -growth_mul -[q ^+ e - 1]/(G e) (mulrC (G e)).
apply: (@le_trans _ _ (q ^+ (e * h) * G r + G (e * h))).
  apply: ler_add; last by rewrite mulnC growth_times.
  by apply: ler_wpmul2r; rewrite ?G_ge0 // power_le // leq_pmulr.
by rewrite -[q ^+ _](subrK 1) -[_ - 1]/(G _) mulrDl mul1r (mulrC _ (G r)).
Qed.

(** Sums in any order: a tree of [rounding] whose leaves are the terms. *)
Fixpoint leaf_terms (t : tree R) : seq R :=
  match t with Leaf x => [:: x] | Node a b _ => leaf_terms a ++ leaf_terms b end.

Definition summed (s : seq R) (z : R) : Prop :=
  exists t, [/\ small u t, perm_eq (leaf_terms t) s & computed t = z].

Lemma leaf_exact t : exact_sum t = \sum_(x <- leaf_terms t) x.
Proof. by elim: t => [x|a IHa b IHb d] /=; rewrite ?big_seq1 // big_cat IHa IHb. Qed.

Lemma leaf_absolute t : absolute t = \sum_(x <- leaf_terms t) `|x|.
Proof. by elim: t => [x|a IHa b IHb d] /=; rewrite ?big_seq1 // big_cat IHa IHb. Qed.

Lemma leaf_count t : leaves t = size (leaf_terms t).
Proof. by elim: t => [x|a IHa b IHb d] //=; rewrite size_cat IHa IHb. Qed.

(** Terms x that are at most X, computed as y to within e, when they are summed. *)
Lemma sum_of_terms (I : eqType) (s : seq I) (x y X e : I -> R) z :
  (forall i, i \in s -> `|x i| <= X i) -> (forall i, i \in s -> `|y i - x i| <= e i) ->
  summed [seq y i | i <- s] z ->
  `|z - \sum_(i <- s) x i| <= q ^+ (size s).-1 * (\sum_(i <- s) X i + \sum_(i <- s) e i) - \sum_(i <- s) X i.
Proof.
move=> le near [t [all_small same <-]].
have le_sum (f h : I -> R) : (forall i, i \in s -> f i <= h i) -> \sum_(i <- s) f i <= \sum_(i <- s) h i.
  by move=> fh; rewrite !big_seq; apply: ler_sum.
have sum_y : exact_sum t = \sum_(i <- s) y i by rewrite leaf_exact (perm_big _ same) big_map.
have depth_s : (depth t <= (size s).-1)%N.
  have := depth_leaves t; rewrite leaf_count (perm_size same) size_map.
  by case: (size s) => // k; rewrite ltnS.
have le_y : absolute t <= \sum_(i <- s) X i + \sum_(i <- s) e i.
  rewrite leaf_absolute (perm_big _ same) big_map -big_split; apply: le_sum => i in_s.
  rewrite -[y i](subrK (x i)) addrC; apply: le_trans (ler_norm_add _ _) _; exact: ler_add (le i in_s) (near i in_s).
rewrite -(subrK (exact_sum t) (computed t)) -addrA; apply: le_trans (ler_norm_add _ _) _.
rewrite -whole_sum; apply: ler_add.
  apply: le_trans (sum_by_tree u_ge0 all_small) _.
  apply: ler_pmul; rewrite ?G_ge0 ?absolute_ge0 //; exact: growth_le.
rewrite sum_y -sumrB; apply: le_trans (ler_norm_sum _ _ _) _; exact: le_sum.
Qed.

(** Two numbers, each off by so many roundings of its bound, and their product. *)
Lemma product_near k l (x y X x' y' X' : R) :
  `|x| <= X -> `|y - x| <= G k * X -> `|x'| <= X' -> `|y' - x'| <= G l * X' ->
  `|y * y' - x * x'| <= G (k + l) * (X * X').
Proof.
move=> le near le' near'; rewrite off_by_both -growth_mul -both_parts.
apply: le_trans (ler_norm_add _ _) _; apply: ler_add; first by rewrite normrM ler_pmul.
by apply: le_trans (ler_norm_add _ _) _; apply: ler_add; rewrite normrM ler_pmul.
Qed.

(** Entries of a matrix are at most a; a rounded sum; what a product is off by. *)
Definition below m n (A : 'M[R]_(m, n)) (a : R) : Prop := forall i j, `|A i j| <= a.
Definition rounded m n (A S : 'M[R]_(m, n)) : Prop := forall i j, exists2 d, `|d| <= u & S i j = A i j * (1 + d).
Definition off m n p (A : 'M[R]_(m, n)) (B : 'M[R]_(n, p)) (C : 'M[R]_(m, p)) (e : R) : Prop :=
  forall i j, `|C i j - (A *m B) i j| <= e.

(** A way to multiply that is off by r roundings of max|A| max|B|, and by E. *)
Definition multiplies m n p (mul : 'M[R]_(m, n) -> 'M[R]_(n, p) -> 'M[R]_(m, p) -> Prop) (r : nat) (E : R) : Prop :=
  forall A B C a b, mul A B C -> 0 <= a -> 0 <= b -> below A a -> below B b -> off A B C (G r * (a * b) + E).

(** Operands that are computed: exact, c = 0, or a rounded sum, c = 1. *)
Definition operand m n (c : bool) (A S : 'M[R]_(m, n)) : Prop := if c then rounded A S else S = A.

Lemma operand_near m n c (A S : 'M[R]_(m, n)) a : operand c A S -> below A a ->
  forall i j, `|S i j - A i j| <= G c * a.
Proof.
case: c => /= [sums|->] le i j; last by rewrite subrr normr0 mulr_ge0 ?G_ge0 ?(le_trans (normr_ge0 _) (le i j)).
have [d small_d ->] := sums i j.
by rewrite mulrDr mulr1 addrAC subrr add0r normrM mulrC /growth expr1 addrAC subrr add0r ler_pmul.
Qed.

Lemma operand_below m n c (A S : 'M[R]_(m, n)) a : operand c A S -> below A a -> below S (q ^+ c * a).
Proof.
move=> op le i j; rewrite -[S i j](subrK (A i j)); apply: le_trans (ler_norm_add _ _) _.
rewrite -[q ^+ c](subrK 1) mulrDl mul1r; exact: ler_add (operand_near op le i j) (le i j).
Qed.

Lemma product_below m n p (A : 'M[R]_(m, n)) (B : 'M[R]_(n, p)) a b :
  below A a -> below B b -> below (A *m B) (n%:R * (a * b)).
Proof.
move=> le_A le_B i j; rewrite mxE; apply: le_trans (ler_norm_sum _ _ _) _.
rewrite mulr_natl -[X in _ *+ X]card_ord -sumr_const; apply: ler_sum => k _; rewrite normrM; exact: ler_pmul.
Qed.

Lemma product_off m n p mul r E (c d : bool) (A S : 'M[R]_(m, n)) (B T : 'M[R]_(n, p)) C a b :
  multiplies mul r E -> mul S T C -> operand c A S -> operand d B T -> 0 <= a -> 0 <= b -> below A a -> below B b ->
  off A B C ((q ^+ (c + d) * (G r + n%:R) - n%:R) * (a * b) + E).
Proof.
move=> claim run op_A op_B a_ge0 b_ge0 le_A le_B i j.
rewrite -(subrKA ((S *m T) i j) (C i j)); apply: le_trans (ler_norm_add _ _) _.
rewrite -moved_product; apply: ler_add.
  rewrite exprD mulrACA; refine (claim _ _ _ _ _ run _ _ (operand_below op_A le_A) (operand_below op_B le_B) i j);
    by rewrite mulr_ge0 ?power_ge0.
rewrite !mxE -sumrB; apply: le_trans (ler_norm_sum _ _ _) _.
rewrite mulr_natr -[X in _ *+ X]card_ord -sumr_const; apply: ler_sum => k _.
by apply: product_near; rewrite ?le_A ?le_B //; exact: operand_near.
Qed.

(** One step of Strassen's: the seven products of blocks, their operands, and the four sums of products. *)
Section Step.

Variables m n p : nat.
Variable mul : 'M[R]_(m, n) -> 'M[R]_(n, p) -> 'M[R]_(m, p) -> Prop.

Definition entrywise (s : seq 'M[R]_(m, p)) (C : 'M[R]_(m, p)) : Prop := forall i j, summed (map (fun M : 'M[R]_(m, p) => M i j) s) (C i j).

(** A product of two operands, of which the sums are computed. *)
Definition one_of (c d : bool) (A : 'M[R]_(m, n)) (B : 'M[R]_(n, p)) (C : 'M[R]_(m, p)) : Prop :=
  exists S T, [/\ operand c A S, operand d B T & mul S T C].

Definition strassen_step (A : 'M[R]_(m + m, n + n)) (B : 'M[R]_(n + n, p + p)) (C : 'M[R]_(m + m, p + p)) : Prop :=
  let: (a, b, c, d) := (ulsubmx A, ursubmx A, dlsubmx A, drsubmx A) in
  let: (e, f, g, h) := (ulsubmx B, ursubmx B, dlsubmx B, drsubmx B) in
  exists M1 M2 M3 M4 M5 M6 M7,
    [/\ one_of true true (a + d) (e + h) M1, one_of true false (c + d) e M2, one_of false true a (f - h) M3,
        one_of false true d (g - e) M4 & one_of true false (a + b) h M5]
    /\ [/\ one_of true true (c - a) (e + f) M6, one_of true true (b - d) (g + h) M7,
        entrywise [:: M1; M4; - M5; M7] (ulsubmx C), entrywise [:: M3; M5] (ursubmx C)
        & entrywise [:: M2; M4] (dlsubmx C) /\ entrywise [:: M1; - M2; M3; M6] (drsubmx C)].

Variables (r : nat) (E : R).
Hypotheses (E_ge0 : 0 <= E) (claim : multiplies mul r E).

Lemma below_add k l (A B : 'M[R]_(k, l)) a : below A a -> below B a -> below (A + B) (2%:R * a).
Proof.
move=> le_A le_B i j; rewrite mxE mulr_natl mulr2n; apply: le_trans (ler_norm_add _ _) _; exact: ler_add.
Qed.

Lemma below_opp k l (A : 'M[R]_(k, l)) a : below A a -> below (- A) a.
Proof. by move=> le i j; rewrite mxE normrN. Qed.

(** What one product is off by, of operands that are sums of two or not. *)
Definition share (c d : bool) : R := 2%:R ^+ (c + d) * (q ^+ (c + d) * (G r + n%:R) - n%:R).

Lemma one_off (c d : bool) (A : 'M[R]_(m, n)) (B : 'M[R]_(n, p)) C a b : one_of c d A B C -> 0 <= a -> 0 <= b ->
  below A (2%:R ^+ c * a) -> below B (2%:R ^+ d * b) ->
  off A B C (share c d * (a * b) + E) /\ below (A *m B) (2%:R ^+ (c + d) * n%:R * (a * b)).
Proof.
move=> [S [T [op_A op_B run]]] a_ge0 b_ge0 le_A le_B; split.
  move=> i j; apply: le_trans (product_off claim run op_A op_B _ _ le_A le_B i j) _; rewrite ?mulr_ge0 ?exprn_ge0 ?ler0n //.
  by rewrite /share (exprD 2%:R) [2%:R ^+ c * a * _]mulrACA [_ * (_ * (a * b))]mulrA (mulrC (_ - _)).
move=> i j; apply: le_trans (product_below le_A le_B i j) _.
by rewrite mulrACA -exprD [_ * n%:R]mulrC -mulrA.
Qed.

Lemma off_four (x1 x2 x3 x4 y1 y2 y3 y4 X1 X2 X3 X4 e1 e2 e3 e4 z : R) :
  [/\ `|x1| <= X1, `|x2| <= X2, `|x3| <= X3 & `|x4| <= X4] ->
  [/\ `|y1 - x1| <= e1, `|y2 - x2| <= e2, `|y3 - x3| <= e3 & `|y4 - x4| <= e4] -> summed [:: y1; y2; y3; y4] z ->
  `|z - (x1 + (x2 + (x3 + x4)))| <= q ^+ 3 * (X1 + (X2 + (X3 + X4)) + (e1 + (e2 + (e3 + e4)))) - (X1 + (X2 + (X3 + X4))).
Proof.
move=> [l1 l2 l3 l4] [n1 n2 n3 n4] sum.
pose s := [:: (x1, y1, (X1, e1)); (x2, y2, (X2, e2)); (x3, y3, (X3, e3)); (x4, y4, (X4, e4))].
have := @sum_of_terms _ s (fun t => t.1.1) (fun t => t.1.2) (fun t => t.2.1) (fun t => t.2.2) z.
rewrite !big_cons !big_nil !addr0 /=; apply=> // i; by rewrite /s !inE => /or4P [] /eqP ->.
Qed.

Lemma off_two (x1 x2 y1 y2 X1 X2 e1 e2 z : R) : `|x1| <= X1 -> `|x2| <= X2 -> `|y1 - x1| <= e1 -> `|y2 - x2| <= e2 ->
  summed [:: y1; y2] z -> `|z - (x1 + x2)| <= q ^+ 1 * (X1 + X2 + (e1 + e2)) - (X1 + X2).
Proof.
move=> l1 l2 n1 n2 sum; pose s := [:: (x1, y1, (X1, e1)); (x2, y2, (X2, e2))].
have := @sum_of_terms _ s (fun t => t.1.1) (fun t => t.1.2) (fun t => t.2.1) (fun t => t.2.2) z.
rewrite !big_cons !big_nil !addr0 /=; apply=> // i; by rewrite /s !inE => /orP [] /eqP ->.
Qed.

Lemma off_opp (x y e : R) : `|y - x| <= e -> `|- y - - x| <= e.
Proof. by rewrite -opprD normrN. Qed.

Hypothesis n_gt0 : (0 < n)%N.

Definition step_bound : R := G (12 * r + 56 * n).

Lemma bound_four (w v : nat) : (w <= 5)%N -> (v <= 4)%N ->
  2%:R * 2%:R * (q ^+ w * (G r + n%:R) - n%:R) + 2%:R * 2%:R * (q ^+ w * (G r + n%:R) - n%:R)
   + (2%:R * (q ^+ v * (G r + n%:R) - n%:R) + 2%:R * (q ^+ v * (G r + n%:R) - n%:R)) <= step_bound.
Proof.
move=> le_w le_v; have times c k l : (k <= l)%N -> c%:R * (q ^+ k * (G r + n%:R) - n%:R) <= G (c * (r + l * n)).
  move=> le; apply: le_trans (growth_times _ _); apply: ler_wpmul2l; first exact: ler0n.
  by apply: le_trans (grown _ _ n_gt0) _; apply: growth_le => //; rewrite leq_add2l leq_mul2r le orbT.
have four := times 4%N _ _ le_w; have half := times 2%N _ _ le_v; rewrite -!natrM.
apply: le_trans (ler_add (ler_add four four) (ler_add half half)) _.
apply: le_trans (ler_add (growth_add _ _) (growth_add _ _)) _; apply: le_trans (growth_add _ _) _.
apply: growth_le => //; rewrite -!mulnDl; rewrite !(mulnDr _ r) !(mulnA _ _ n) addnACA -!mulnDl; exact: leqnn.
Qed.

Lemma identities (a b c d : 'M[R]_(m, n)) (e f g h : 'M[R]_(n, p)) i j :
  [/\ (a *m e + b *m g) i j
      = ((a + d) *m (e + h)) i j + ((d *m (g - e)) i j + (- ((a + b) *m h) i j + ((b - d) *m (g + h)) i j)),
    (a *m f + b *m h) i j = (a *m (f - h)) i j + ((a + b) *m h) i j,
    (c *m e + d *m g) i j = ((c + d) *m e) i j + (d *m (g - e)) i j &
    (c *m f + d *m h) i j
      = ((a + d) *m (e + h)) i j + (- ((c + d) *m e) i j + ((a *m (f - h)) i j + ((c - a) *m (e + f)) i j))].
Proof.
by split; rewrite !mxE -?sumrN -!big_split /=; apply: eq_bigr => k _; rewrite !mxE;
  rewrite ?strassen11 ?strassen12 ?strassen21 ?strassen22.
Qed.

Lemma share_four a b (ab := a * b) : 0 <= ab ->
  q ^+ 3 * (2%:R ^+ 2 * n%:R * ab + (2%:R ^+ 1 * n%:R * ab + (2%:R ^+ 1 * n%:R * ab + 2%:R ^+ 2 * n%:R * ab))
    + (share true true * ab + E + (share true false * ab + E + (share true false * ab + E + (share true true * ab + E)))))
    - (2%:R ^+ 2 * n%:R * ab + (2%:R ^+ 1 * n%:R * ab + (2%:R ^+ 1 * n%:R * ab + 2%:R ^+ 2 * n%:R * ab)))
  <= step_bound * ab + 4%:R * q ^+ 3 * E.
Proof.
move=> ab_ge0; rewrite /share /= !expr1 ![2%:R ^+ _]expr2 four_shares; apply: ler_add.
  by apply: ler_wpmul2r => //; rewrite -exprD -exprSr; apply: bound_four.
by rewrite -!mulr2n -mulrnA -[E *+ _]mulr_natl mulrA (mulrC (q ^+ 3)).
Qed.

Lemma share_two a b (ab := a * b) : 0 <= ab ->
  q ^+ 1 * (2%:R ^+ 1 * n%:R * ab + 2%:R ^+ 1 * n%:R * ab + (share true false * ab + E + (share true false * ab + E)))
    - (2%:R ^+ 1 * n%:R * ab + 2%:R ^+ 1 * n%:R * ab)
  <= step_bound * ab + 4%:R * q ^+ 3 * E.
Proof.
move=> ab_ge0; rewrite /share /= !expr1 two_shares; apply: ler_add.
  apply: ler_wpmul2r => //; apply: le_trans (bound_four (w := 0) (v := 2) _ _) => //.
  by rewrite expr0 mul1r addrK -expr2 ler_addr addr_ge0 // mulr_ge0 ?G_ge0 // mulr_ge0 // ler0n.
rewrite -mulr2n -[E *+ 2]mulr_natl mulrA; apply: ler_wpmul2r => //.
by rewrite mulrC; apply: ler_pmul; rewrite ?ler0n ?base_ge0 ?ler_nat // -[X in X <= _]expr1 power_le.
Qed.

(** One step multiplies, too: r becomes 12 r + 56 n for blocks of inner size n. *)
Theorem strassen_step_bound : multiplies strassen_step (12 * r + 56 * n) (4%:R * q ^+ 3 * E).
Proof.
move=> A B C x y step x_ge0 y_ge0 le_A le_B i j; move: step; rewrite /strassen_step.
have le_a : below (ulsubmx A) x by move=> k l; rewrite !mxE.
have le_b : below (ursubmx A) x by move=> k l; rewrite !mxE.
have le_c : below (dlsubmx A) x by move=> k l; rewrite !mxE.
have le_d : below (drsubmx A) x by move=> k l; rewrite !mxE.
have le_e : below (ulsubmx B) y by move=> k l; rewrite !mxE.
have le_f : below (ursubmx B) y by move=> k l; rewrite !mxE.
have le_g : below (dlsubmx B) y by move=> k l; rewrite !mxE.
have le_h : below (drsubmx B) y by move=> k l; rewrite !mxE.
have -> : A *m B = block_mx (ulsubmx A *m ulsubmx B + ursubmx A *m dlsubmx B)
    (ulsubmx A *m ursubmx B + ursubmx A *m drsubmx B) (dlsubmx A *m ulsubmx B + drsubmx A *m dlsubmx B)
    (dlsubmx A *m ursubmx B + drsubmx A *m drsubmx B) by rewrite -mulmx_block !submxK.
move: (ulsubmx A) (ursubmx A) (dlsubmx A) (drsubmx A) le_a le_b le_c le_d => a b c d le_a le_b le_c le_d.
move: (ulsubmx B) (ursubmx B) (dlsubmx B) (drsubmx B) le_e le_f le_g le_h => e f g h le_e le_f le_g le_h.
move=> [M1 [M2 [M3 [M4 [M5 [M6 [M7 [[p1 p2 p3 p4 p5] [p6 p7 s11 s12 [s21 s22]]]]]]]]]].
have one k l (Z : 'M[R]_(k, l)) z : below Z z -> below Z (2%:R ^+ 0 * z) by rewrite expr0 mul1r.
have two k l (Z Z' : 'M[R]_(k, l)) z : below Z z -> below Z' z -> below (Z + Z') (2%:R ^+ 1 * z).
  by move=> le le'; rewrite expr1; apply: below_add.
have less k l (Z Z' : 'M[R]_(k, l)) z : below Z z -> below Z' z -> below (Z - Z') (2%:R ^+ 1 * z).
  by move=> le le'; apply: two => //; apply: below_opp.
have xy_ge0 : 0 <= x * y by apply: mulr_ge0.
have [o1 b1] := one_off p1 x_ge0 y_ge0 (two _ _ _ _ _ le_a le_d) (two _ _ _ _ _ le_e le_h).
have [o2 b2] := one_off p2 x_ge0 y_ge0 (two _ _ _ _ _ le_c le_d) (one _ _ _ _ le_e).
have [o3 b3] := one_off p3 x_ge0 y_ge0 (one _ _ _ _ le_a) (less _ _ _ _ _ le_f le_h).
have [o4 b4] := one_off p4 x_ge0 y_ge0 (one _ _ _ _ le_d) (less _ _ _ _ _ le_g le_e).
have [o5 b5] := one_off p5 x_ge0 y_ge0 (two _ _ _ _ _ le_a le_b) (one _ _ _ _ le_h).
have [o6 b6] := one_off p6 x_ge0 y_ge0 (less _ _ _ _ _ le_c le_a) (two _ _ _ _ _ le_e le_f).
have [o7 b7] := one_off p7 x_ge0 y_ge0 (less _ _ _ _ _ le_b le_d) (two _ _ _ _ _ le_g le_h).
have opp (z t : R) : `|z| <= t -> `|- z| <= t by rewrite normrN.
case: (split_ordP i) => {}i ->; case: (split_ordP j) => {}j ->.
- rewrite block_mxEul; have [-> _ _ _] := identities a b c d e f g h i j.
  have sum := s11 i j; rewrite /= !mxE in sum; apply: le_trans (share_four xy_ge0).
  apply: off_four sum; split; [exact (b1 i j) | exact (b4 i j) | exact: opp (b5 i j) | exact (b7 i j)
    | exact (o1 i j) | exact (o4 i j) | exact: off_opp (o5 i j) | exact (o7 i j)].
- rewrite block_mxEur; have [_ -> _ _] := identities a b c d e f g h i j.
  have sum := s12 i j; rewrite /= !mxE in sum; apply: le_trans (share_two xy_ge0).
  by apply: off_two sum; [exact (b3 i j) | exact (b5 i j) | exact (o3 i j) | exact (o5 i j)].
- rewrite block_mxEdl; have [_ _ -> _] := identities a b c d e f g h i j.
  have sum := s21 i j; rewrite /= !mxE in sum; apply: le_trans (share_two xy_ge0).
  by apply: off_two sum; [exact (b2 i j) | exact (b4 i j) | exact (o2 i j) | exact (o4 i j)].
rewrite block_mxEdr; have [_ _ _ ->] := identities a b c d e f g h i j.
have sum := s22 i j; rewrite /= !mxE in sum; apply: le_trans (share_four xy_ge0).
apply: off_four sum; split; [exact (b1 i j) | exact: opp (b2 i j) | exact (b3 i j) | exact (b6 i j)
    | exact (o1 i j) | exact: off_opp (o2 i j) | exact (o3 i j) | exact (o6 i j)].
Qed.

End Step.

(** Step after step: the bottom multiplies blocks of inner size n. *)
Fixpoint side (n L : nat) : nat := if L is k.+1 then side n k + side n k else n.

Fixpoint strassen m n p (mul : 'M[R]_(m, n) -> 'M[R]_(n, p) -> 'M[R]_(m, p) -> Prop) (L : nat) :
  'M[R]_(side m L, side n L) -> 'M[R]_(side n L, side p L) -> 'M[R]_(side m L, side p L) -> Prop :=
  if L is k.+1 then strassen_step (strassen mul (L := k)) else mul.

Fixpoint roundings (r n L : nat) : nat := if L is k.+1 then 12 * roundings r n k + 56 * side n k else r.

Theorem strassen_bound m n p (mul : 'M[R]_(m, n) -> 'M[R]_(n, p) -> 'M[R]_(m, p) -> Prop) r E L : (0 < n)%N -> 0 <= E ->
  multiplies mul r E -> multiplies (strassen mul (L := L)) (roundings r n L) ((4%:R * q ^+ 3) ^+ L * E).
Proof.
move=> n_gt0 E_ge0 claim; elim: L => [|L IH] /=; first by rewrite expr0 mul1r.
rewrite exprS -mulrA; apply: strassen_step_bound IH _.
  by rewrite mulr_ge0 // exprn_ge0 // mulr_ge0 ?ler0n ?power_ge0.
by elim: (L) => //= k pos; rewrite addn_gt0 pos.
Qed.

(** The bottom: every entry an inner product in any order, with underflow. *)
Section Bottom.

Variable eta : R.
Hypothesis eta_ge0 : 0 <= eta.

Fixpoint pairs (t : inner R) : seq (R * R) :=
  match t with Product a b _ _ => [:: (a, b)] | Sum s t _ _ => pairs s ++ pairs t end.

Definition summed_products (s : seq (R * R)) (z : R) : Prop :=
  exists t, [/\ bounded u eta t, perm_eq (pairs t) s & inner_computed t = z].

Definition conventional m n p (A : 'M[R]_(m, n)) (B : 'M[R]_(n, p)) (C : 'M[R]_(m, p)) : Prop :=
  forall i j, summed_products [seq (A i k, B k j) | k <- enum 'I_n] (C i j).

Lemma pairs_exact t : inner_exact t = \sum_(x <- pairs t) x.1 * x.2.
Proof. by elim: t => [a b d e|s IHs t IHt d e] /=; rewrite ?big_seq1 // big_cat IHs IHt. Qed.

Lemma pairs_absolute t : inner_absolute t = \sum_(x <- pairs t) `|x.1| * `|x.2|.
Proof. by elim: t => [a b d e|s IHs t IHt d e] /=; rewrite ?big_seq1 // big_cat IHs IHt. Qed.

Lemma pairs_count t : terms t = size (pairs t).
Proof. by elim: t => [a b d e|s IHs t IHt d e] //=; rewrite size_cat IHs IHt. Qed.

Definition underflow (n : nat) : R := n.*2.-1%:R * q ^+ n.-1 * eta.

Lemma underflow_ge0 n : 0 <= underflow n.
Proof. by rewrite !mulr_ge0 ?ler0n ?power_ge0. Qed.

Lemma products_off s z : summed_products s z ->
  `|z - \sum_(x <- s) x.1 * x.2| <= G (size s) * (\sum_(x <- s) `|x.1| * `|x.2|) + underflow (size s).
Proof.
move=> [t [ok same <-]]; have := inner_underflow u_ge0 eta_ge0 ok.
by rewrite pairs_exact pairs_absolute pairs_count (perm_size same) !(perm_big _ same).
Qed.

Theorem conventional_multiplies m n p : multiplies (@conventional m n p) (n * n) (underflow n).
Proof.
move=> A B C a b run a_ge0 b_ge0 le_A le_B i j; have := products_off (run i j).
rewrite size_map size_enum_ord !big_map -!enumT !big_enum /= mxE => /le_trans; apply; rewrite ler_add2r.
apply: (@le_trans _ _ (G n * (n%:R * (a * b)))).
  apply: ler_wpmul2l; first exact: G_ge0.
  rewrite mulr_natl -[X in _ *+ X]card_ord -sumr_const; apply: ler_sum => k _; exact: ler_pmul.
rewrite [X in X <= _]mulrCA [X in X <= _]mulrA; apply: ler_wpmul2r; first exact: mulr_ge0.
exact: growth_times.
Qed.

Corollary strassen_of_conventional m n p L : (0 < n)%N ->
  multiplies (strassen (@conventional m n p) (L := L)) (roundings (n * n) n L) ((4%:R * q ^+ 3) ^+ L * underflow n).
Proof. by move=> n_gt0; apply: strassen_bound (@conventional_multiplies m n p) => //; apply: underflow_ge0. Qed.

End Bottom.

(** Complex matrices by three real products: re = T1 - T2 and im = T3 - T1 - T2, in any order, of the products of the
    real parts, of the imaginary parts, and of the sums of both. *)
Section Three.

Variables (m n p : nat).
Variable mul : 'M[R]_(m, n) -> 'M[R]_(n, p) -> 'M[R]_(m, p) -> Prop.

Definition rounded_sum (x y z : R) : Prop := exists2 d, `|d| <= u & z = (x + y) * (1 + d).

(** Three terms, any two of them first. *)
Definition summed3 (x y z w : R) : Prop :=
  exists s, [\/ rounded_sum x y s /\ rounded_sum s z w, rounded_sum x z s /\ rounded_sum s y w
    | rounded_sum y z s /\ rounded_sum s x w].

Definition three_products (A A' : 'M[R]_(m, n)) (B B' : 'M[R]_(n, p)) (re im : 'M[R]_(m, p)) : Prop :=
  exists T1 T2 T3,
    [/\ one_of mul false false A B T1, one_of mul false false A' B' T2, one_of mul true true (A + A') (B + B') T3,
        forall i j, rounded_sum (T1 i j) (- T2 i j) (re i j)
      & forall i j, summed3 (T3 i j) (- T1 i j) (- T2 i j) (im i j)].

Lemma rounded_sum_off x y x' y' e e' X z : `|x' - x| <= e -> `|y' - y| <= e' -> `|x + y| <= X -> rounded_sum x' y' z ->
  `|z - (x + y)| <= q * (e + e') + u * X.
Proof.
move=> near near' le [d small_d ->].
rewrite one_rounding; apply: le_trans (ler_norm_add _ _) _; rewrite !normrM [q * _]mulrC [u * _]mulrC; apply: ler_add; apply: ler_pmul => //.
  by apply: le_trans (ler_norm_add _ _) _; apply: ler_add.
by apply: le_trans (ler_norm_add _ _) _; rewrite normr1 ler_add2l.
Qed.

Variables (r : nat) (E : R).
Hypotheses (E_ge0 : 0 <= E) (claim : multiplies mul r E) (n_gt0 : (0 < n)%N).

Lemma three_near (x y z x' y' z' X Y e f g w : R) : `|x' - x| <= e -> `|y' - y| <= f -> `|z' - z| <= g ->
  `|x + y| <= X -> `|x + z| <= X -> `|y + z| <= X -> `|x + (y + z)| <= Y ->
  summed3 x' y' z' w -> `|w - (x + (y + z))| <= q ^+ 2 * (e + (f + g)) + (q * (u * X) + u * Y).
Proof.
move=> near_x near_y near_z xy xz yz all.
have e_ge0 := le_trans (normr_ge0 _) near_x; have f_ge0 := le_trans (normr_ge0 _) near_y.
have g_ge0 := le_trans (normr_ge0 _) near_z.
have q2 c : 0 <= c -> q * c <= q ^+ 2 * c.
  by move=> c_ge0; apply: ler_wpmul2r => //; rewrite -[X in X <= _]expr1; apply: power_le.
have two_steps a b c a' b' c' i j k s t : `|a' - a| <= i -> `|b' - b| <= j -> `|c' - c| <= k -> `|a + b| <= X ->
    `|a + b + c| <= Y -> 0 <= k -> rounded_sum a' b' s -> rounded_sum s c' t ->
    `|t - (a + b + c)| <= q ^+ 2 * (i + j + k) + (q * (u * X) + u * Y).
  move=> na nb nc le le' k_ge0 first second.
  have near_s := rounded_sum_off na nb le first; apply: le_trans (rounded_sum_off near_s nc le' second) _.
  by rewrite [_ + (q * (u * X) + _)]addrA ler_add2r two_roundings ler_add2r -expr2 [X in _ <= X]mulrDr ler_add2l q2.
move=> [s [[] h1 h2|[] h1 h2|[] h1 h2]].
- by rewrite (addrA e) (addrA x); rewrite addrA in all; apply: two_steps h1 h2.
- by rewrite (addrC y) (addrC f) (addrA e) (addrA x); rewrite (addrC y) addrA in all; apply: two_steps h1 h2.
by rewrite (addrC x) (addrC e); rewrite (addrC x) in all; apply: two_steps h1 h2.
Qed.

Lemma gathered (c w k : nat) : (w <= k)%N -> q ^+ w * (c%:R * G r) + G k <= G (c * r + k).
Proof.
move=> le; rewrite -growth_mul ler_add2r.
have -> : G (c * r) * G k + G (c * r) = q ^+ k * G (c * r).
  by rewrite -[q ^+ k](subrK 1) -/(G k) mulrDl mul1r (mulrC (G k)).
by apply: ler_pmul; rewrite ?power_ge0 ?mulr_ge0 ?ler0n ?G_ge0 ?power_le ?growth_times.
Qed.

Lemma nine : 2%:R * (q ^+ 2 * (q ^+ 2 - 1)) + (3%:R * (q * (q - 1)) + 2%:R * (q - 1)) <= G 9.
Proof.
rewrite expr2 less_than_nine; last by rewrite -addn1 natrD.
rewrite -!expr2 -exprM -[_ - 1]/(G 4); apply: (@le_trans _ _ (G 8 + q ^+ 8 * G 1)).
  apply: ler_add; first exact: (growth_times 2 4).
  by rewrite /growth expr1; apply: ler_wpmul2r; rewrite ?subr_ge0 ?base_ge1 // -[X in X <= _]expr1 power_le.
rewrite -[X in _ <= X](growth_mul u 8 1) -[q ^+ 8](subrK 1) -/(G 8) mulrDl mul1r addrCA addrA; exact: lexx.
Qed.

(** Main theorem for three products: a, b the largest moduli, and t a root of two. *)
Variables (t : R).
Hypotheses (t_ge0 : 0 <= t) (t_two : t * t = 2%:R).

Theorem three_products_bound A A' B B' re im a b : three_products A A' B B' re im -> 0 <= a -> 0 <= b ->
  (forall i k, A i k ^+ 2 + A' i k ^+ 2 <= a ^+ 2) -> (forall k j, B k j ^+ 2 + B' k j ^+ 2 <= b ^+ 2) ->
  off (row_mx A A') (col_mx B (- B')) re (G (2 * r + 2 * n) * (a * b) + 2%:R * q * E)
  /\ off (row_mx A A') (col_mx B' B) im (G (4 * r + 9 * n) * (a * b) + 3%:R * q ^+ 2 * E).
Proof.
move=> [T1 [T2 [T3 [p1 p2 p3 s_re s_im]]]] a_ge0 b_ge0 le_a le_b.
have ab_ge0 : 0 <= a * b by apply: mulr_ge0.
have root (x y c : R) : 0 <= c -> x ^+ 2 + y ^+ 2 <= c ^+ 2 -> [/\ `|x| <= c, `|y| <= c & `|x + y| <= t * c].
  move=> c_ge0 le; have norm2 (z e : R) : 0 <= e -> z ^+ 2 <= e ^+ 2 -> `|z| <= e.
    by move=> e_ge0; rewrite -[z ^+ 2]real_normK ?num_real // ler_sqr ?nnegrE.
  split; [apply: norm2 => //; apply: le_trans le; by rewrite ler_addl sqr_ge0
    | apply: norm2 => //; apply: le_trans le; by rewrite ler_addr sqr_ge0 |].
  apply: norm2; first exact: mulr_ge0.
  rewrite exprMn [t ^+ 2]expr2 t_two; apply: (@le_trans _ _ (2%:R * (x ^+ 2 + y ^+ 2))); last by rewrite ler_wpmul2l ?ler0n.
  by rewrite mulr_natl -subr_ge0 parallelogram sqr_ge0.
have below_a : below A a by move=> i k; have [] := root _ _ _ a_ge0 (le_a i k).
have below_a' : below A' a by move=> i k; have [] := root _ _ _ a_ge0 (le_a i k).
have below_aa : below (A + A') (t * a) by move=> i k; rewrite mxE; have [] := root _ _ _ a_ge0 (le_a i k).
have below_b : below B b by move=> i k; have [] := root _ _ _ b_ge0 (le_b i k).
have below_b' : below B' b by move=> i k; have [] := root _ _ _ b_ge0 (le_b i k).
have below_bb : below (B + B') (t * b) by move=> i k; rewrite mxE; have [] := root _ _ _ b_ge0 (le_b i k).
have ta_ge0 : 0 <= t * a by apply: mulr_ge0. have tb_ge0 : 0 <= t * b by apply: mulr_ge0.
have both : t * a * (t * b) = 2%:R * (a * b) by rewrite mulrACA t_two.
move: p1 p2 p3 => [S1 [V1 [s1 v1 run1]]] [S2 [V2 [s2 v2 run2]]] [S3 [V3 [s3 v3 run3]]].
have o1 := product_off claim run1 s1 v1 a_ge0 b_ge0 below_a below_b.
have o2 := product_off claim run2 s2 v2 a_ge0 b_ge0 below_a' below_b'.
have o3 := product_off claim run3 s3 v3 ta_ge0 tb_ge0 below_aa below_bb.
have plain : q ^+ (false + false) * (G r + n%:R) - n%:R = G r by rewrite mul1r addrK.
rewrite plain in o1 o2; rewrite both in o3.
have le1 := product_below below_a below_b; have le2 := product_below below_a' below_b'.
have le3 := product_below below_aa below_bb; rewrite both in le3.
have cross1 := product_below below_a below_b'; have cross2 := product_below below_a' below_b.
set N := n%:R * (a * b) in le1 le2 cross1 cross2.
have N_ge0 : 0 <= N by rewrite mulr_ge0 ?ler0n.
have sum2 (x y X Y : R) : `|x| <= X -> `|y| <= Y -> `|x + y| <= X + Y.
  by move=> le le'; apply: le_trans (ler_norm_add _ _) _; apply: ler_add.
have opp (x X : R) : `|x| <= X -> `|- x| <= X by rewrite normrN.
split=> i j; rewrite mul_row_col ?mulmxN.
  have le : `|(A *m B) i j + - (A' *m B') i j| <= N + N by apply: sum2; [exact (le1 i j) | apply: opp; exact (le2 i j)].
  have entry : (A *m B - A' *m B') i j = (A *m B) i j + - (A' *m B') i j by rewrite mxE [(- _ : 'M_(m, p)) i j]mxE.
  rewrite entry; apply: le_trans (rounded_sum_off (o1 i j) (off_opp (o2 i j)) le (s_re i j)) _.
  rewrite /N -(real_share q u (G r)) ler_add2r; apply: ler_wpmul2r => //.
  have := gathered 2 (w := 1) (k := 2 * n) _; rewrite expr1 muln_gt0 n_gt0 => /(_ isT); apply: le_trans.
  rewrite ler_add2l mulrA -[_ * _ * u]/(2%:R * n%:R * u) -natrM; have := growth_times (2 * n) 1.
  by rewrite muln1 {1}/growth expr1 addrAC subrr add0r.
have entry : (A *m B' + A' *m B) i j
    = ((A + A') *m (B + B')) i j + (- (A *m B) i j + - (A' *m B') i j).
  rewrite !mxE -!sumrN -!big_split /=; apply: eq_bigr => k _; rewrite !mxE; exact: esym (imaginary _ _ _ _).
have x3 : `|((A + A') *m (B + B')) i j| <= N + N.
  by have := le3 i j; rewrite mulrCA -/N mulr_natl mulr2n.
have y3 := opp _ _ (le1 i j); have z3 := opp _ _ (le2 i j).
have cross : `|((A + A') *m (B + B')) i j + (- (A *m B) i j + - (A' *m B') i j)| <= N + N.
  by rewrite -entry mxE; apply: sum2; [exact (cross1 i j) | exact (cross2 i j)].
have yz : `|- (A *m B) i j + - (A' *m B') i j| <= N + N + N.
  by apply: le_trans (sum2 _ _ _ _ y3 z3) _; rewrite ler_addl.
rewrite entry; apply: le_trans (three_near (o3 i j) (off_opp (o1 i j)) (off_opp (o2 i j)) (sum2 _ _ _ _ x3 y3)
  (sum2 _ _ _ _ x3 z3) yz cross (s_im i j)) _.
rewrite /N -three_N (@three_shares _ _ _ _ (G r) _ E 2%:R); last by rewrite mulrCA mulrA.
apply: ler_add; last first.
  by rewrite -[3%:R * _ * E]mulrA [X in _ <= X]mulrCA mulr_natl !mulrS mulr0n addr0.
apply: ler_wpmul2r => //.
have le4 : (4 <= 9 * n)%N by rewrite (leq_trans _ (leq_pmulr _ n_gt0)).
apply: le_trans (gathered 4 le4); apply: ler_add.
  rewrite -exprD; have -> : 4%:R * G r = 2%:R * G r + (G r + G r) by rewrite !mulr_natl -mulr2n -mulrnDr.
  rewrite mulrDr mulrCA ler_add2l -mulrDr; apply: ler_wpmul2r; first by rewrite addr_ge0 ?G_ge0.
  exact: power_le.
have := growth_times n 9; rewrite (mulnC n); apply: le_trans; rewrite mulrC; apply: ler_wpmul2l; first exact: ler0n.
have qu : q - 1 = u by rewrite addrAC subrr add0r.
by have := nine; rewrite qu; exact.
Qed.

End Three.

(** Beside the moduli of each entry: what an inner product is off by, and three of them. *)
Section Elements.

Variable eta : R.
Hypothesis eta_ge0 : 0 <= eta.

Lemma near_below k (x y X : R) : `|x| <= X -> `|y - x| <= G k * X -> `|y| <= q ^+ k * X.
Proof.
move=> le near; rewrite -[y](subrK x) -[q ^+ k](subrK 1) mulrDl mul1r.
by apply: le_trans (ler_norm_add _ _) _; apply: ler_add.
Qed.

Lemma rounded_near (x y : R) : (exists2 d, `|d| <= u & y = x * (1 + d)) -> `|y - x| <= G 1 * `|x|.
Proof.
move=> [d small_d ->]; rewrite mulrDr mulr1 addrAC subrr add0r normrM mulrC /growth expr1 addrAC subrr add0r.
exact: ler_pmul.
Qed.

(** A product of numbers that are off, rounded. *)
Definition rounded_product (x y z : R) : Prop := exists d e, [/\ `|d| <= u, `|e| <= eta & z = x * y * (1 + d) + e].

Lemma rounded_product_off k l (x y X x' y' X' z : R) : `|x| <= X -> `|y - x| <= G k * X -> `|x'| <= X' ->
  `|y' - x'| <= G l * X' -> rounded_product y y' z -> `|z - x * x'| <= G (k + l).+1 * (X * X') + eta.
Proof.
move=> le near le' near' [d [e [small_d small_e ->]]].
have le_p : `|x * x'| <= X * X' by rewrite normrM ler_pmul.
have once := round_once le_p (product_near le near le' near') small_d.
rewrite addrAC; apply: le_trans (ler_norm_add _ _) _; exact: ler_add.
Qed.

(** Winograd's F(2, 3): one output of a convolution by three taps, and a bias, from three products. The other output is
    that of the window and the taps in reverse order. h is a half, by which no rounding is made. *)
Theorem winograd_bound (h x y z e f g bias s1 s2 s3 p p' w1 w2 w3 out : R) : h + h = 1 -> 0 <= h ->
  rounded_sum x (- z) s1 -> rounded_sum y z s2 -> rounded_sum z (- y) s3 ->
  summed [:: e; f; g] p -> summed [:: e; - f; g] p' ->
  rounded_product s1 e w1 -> rounded_product s2 (h * p) w2 -> rounded_product s3 (h * p') w3 ->
  summed [:: w1; w2; w3; bias] out ->
  `|out - (x * e + y * f + z * g + bias)|
    <= G 7 * (2%:R * ((`|x| + `|y| + `|z|) * (`|e| + `|f| + `|g|))) + G 3 * `|bias| + 3%:R * q ^+ 3 * eta.
Proof.
move=> half h_ge0 r1 r2 r3 sum_p sum_p' m1 m2 m3 sum; set T := `|e| + `|f| + `|g|; set W := `|x| + `|y| + `|z|.
have sum2 (a b : R) : `|a + b| <= `|a| + `|b| by apply: ler_norm_add.
have close a b s : rounded_sum a b s -> `|s - (a + b)| <= G 1 * (`|a| + `|b|).
  move=> /rounded_near near; apply: le_trans near _; apply: ler_wpmul2l; rewrite ?G_ge0 //; exact: ler_norm_add.
have taps a b c s : summed [:: a; b; c] s -> `|h * s - h * (a + (b + c))| <= G 2 * (h * (`|a| + (`|b| + `|c|))).
  move=> ok; rewrite -mulrBr normrM (ger0_norm h_ge0) [G 2 * _]mulrCA; apply: ler_wpmul2l => //.
  have := @sum_of_terms _ [:: a; b; c] id id (fun v => `|v|) (fun=> 0) s; rewrite !big_cons !big_nil !addr0 map_id /=.
  rewrite mulrBl mul1r; apply=> // i _; by rewrite subrr normr0.
have half_le (a : R) : 0 <= a -> h * a + h * a = a by rewrite -mulrDl half mul1r.
have exact0 (a : R) : `|a - a| <= G 0 * `|a| by rewrite subrr normr0 mulr_ge0 ?G_ge0.
have o1 := rounded_product_off (sum2 _ _) (close _ _ _ r1) (lexx _) (exact0 e) m1.
have le_h a b c : `|h * (a + (b + c))| <= h * (`|a| + (`|b| + `|c|)).
  rewrite normrM (ger0_norm h_ge0); apply: ler_wpmul2l => //; apply: le_trans (sum2 _ _) _; exact: ler_add.
have o2 := rounded_product_off (sum2 _ _) (close _ _ _ r2) (le_h e f g) (taps _ _ _ _ sum_p) m2.
have o3 := rounded_product_off (sum2 _ _) (close _ _ _ r3) (le_h e (- f) g) (taps _ _ _ _ sum_p') m3.
rewrite /= in o1 o2 o3; rewrite !normrN in o1 o2 o3.
set X1 := (`|x| + `|z|) * `|e| in o1; set X2 := (`|y| + `|z|) * _ in o2; set X3 := (`|z| + `|y|) * _ in o3.
have X1_ge0 : 0 <= X1 by rewrite mulr_ge0 ?addr_ge0.
have more : `|w1 - (x + - z) * e| <= G 4 * X1 + eta.
  by apply: le_trans o1 _; rewrite ler_add2r; apply: ler_wpmul2r => //; apply: growth_le.
have le_p a b a' b' A B : `|a| <= A -> `|b| <= B -> a' = A -> b' = B -> `|a * b| <= a' * b'.
  by move=> le le' -> ->; rewrite normrM ler_pmul.
have l1 : `|(x + - z) * e| <= X1 by apply: le_p (sum2 _ _) (lexx _) _ _ => //; rewrite normrN.
have l2 : `|(y + z) * (h * (e + (f + g)))| <= X2 by apply: le_p (sum2 _ _) (le_h _ _ _) _ _.
have l3 : `|(z + - y) * (h * (e + (- f + g)))| <= X3.
  by apply: le_p (sum2 _ _) (le_h _ _ _) _ _ => //; rewrite !normrN.
have none : `|bias - bias| <= 0 by rewrite subrr normr0.
have whole : x * e + y * f + z * g + bias
    = (x + - z) * e + ((y + z) * (h * (e + (f + g))) + ((z + - y) * (h * (e + (- f + g))) + bias)).
  by rewrite !addrA -(winograd_sum x y z e f g half) !addrA.
rewrite whole; apply: le_trans (off_four (And4 l1 l2 l3 (lexx _)) (And4 more o2 o3 none) sum) _.
rewrite (@winograd_shares _ _ _ _ _ _ _ _ 3%:R) // -exprD !ler_add2r -/(G 7); apply: ler_wpmul2l; first exact: G_ge0.
have T_e : `|e| + (`|f| + `|g|) = T by rewrite addrA.
rewrite /X2 /X3 T_e (addrC `|z|) -mulrDr half_le; last by rewrite !addr_ge0.
have xz : `|x| + `|z| <= W by rewrite /W [X in _ <= X]addrAC ler_addl.
have yz : `|y| + `|z| <= W by rewrite /W -[X in _ <= X]addrA ler_addr.
have e_T : `|e| <= T by rewrite -T_e ler_addl addr_ge0.
rewrite mulr_natl mulr2n; apply: ler_add; first by apply: ler_pmul; rewrite ?addr_ge0.
by apply: ler_wpmul2r; rewrite ?addr_ge0.
Qed.

(** Three real products, entry by entry: beside the sum P of the moduli of the n complex products. *)
Theorem three_products_by_element (n : nat) (I : finType) (a b c d s v P : I -> R) (t1 t2 t3 re im E : R) :
  (forall k, rounded_sum (a k) (b k) (s k)) -> (forall k, rounded_sum (c k) (d k) (v k)) ->
  (forall k, 0 <= P k) -> (forall k, P k ^+ 2 = (a k ^+ 2 + b k ^+ 2) * (c k ^+ 2 + d k ^+ 2)) ->
  `|t1 - \sum_k a k * c k| <= G n * (\sum_k `|a k| * `|c k|) + E ->
  `|t2 - \sum_k b k * d k| <= G n * (\sum_k `|b k| * `|d k|) + E ->
  `|t3 - \sum_k s k * v k| <= G n * (\sum_k `|s k| * `|v k|) + E -> 0 <= E ->
  rounded_sum t1 (- t2) re -> summed [:: t3; - t1; - t2] im ->
  `|re - (\sum_k a k * c k - \sum_k b k * d k)| <= G n.+1 * (\sum_k P k) + 2%:R * q * E
  /\ `|im - (\sum_k (a k * d k + b k * c k))| <= 3%:R * G (n + 4) * (\sum_k P k) + 3%:R * q ^+ 2 * E.
Proof.
move=> sum_s sum_v P_ge0 modulus o1 o2 o3 E_ge0 s_re s_im.
set A := \sum_k `|a k| * `|c k| in o1; set B := \sum_k `|b k| * `|d k| in o2; set S := \sum_k P k.
have S_ge0 : 0 <= S by apply: sumr_ge0.
have A_ge0 : 0 <= A by apply: sumr_ge0 => k _; rewrite mulr_ge0.
have B_ge0 : 0 <= B by apply: sumr_ge0 => k _; rewrite mulr_ge0.
have AB : A + B <= S.
  by rewrite -big_split; apply: ler_sum => k _; apply: complex_part (P_ge0 k) _.
have two_P k : `|a k + b k| * `|c k + d k| <= 2%:R * P k.
  rewrite -ler_sqr ?nnegrE ?mulr_ge0 ?ler0n // !exprMn !real_normK ?num_real // modulus [2%:R ^+ 2]expr2 [2%:R * 2%:R * _]mulrACA.
  have square (x y : R) : (x + y) ^+ 2 <= 2%:R * (x ^+ 2 + y ^+ 2).
    by rewrite mulr_natl -subr_ge0 parallelogram sqr_ge0.
  by apply: ler_pmul; rewrite ?sqr_ge0 ?square.
have near_s k : `|s k - (a k + b k)| <= G 1 * `|a k + b k| by apply: rounded_near (sum_s k).
have near_v k : `|v k - (c k + d k)| <= G 1 * `|c k + d k| by apply: rounded_near (sum_v k).
have off3 : `|t3 - \sum_k (a k + b k) * (c k + d k)| <= G (n + 2) * (2%:R * S) + E.
  have le_s k : `|s k| * `|v k| <= q ^+ 2 * (2%:R * P k).
    apply: le_trans (ler_pmul _ _ (near_below (lexx _) (near_s k)) (near_below (lexx _) (near_v k))) _ => //.
    by rewrite !expr1 mulrACA -expr2; apply: ler_wpmul2l; rewrite ?power_ge0.
  rewrite -(subrKA (\sum_k s k * v k) t3); apply: le_trans (ler_norm_add _ _) _.
  apply: (@le_trans _ _ (G n * (q ^+ 2 * (2%:R * S)) + E + G 2 * (2%:R * S))).
    apply: ler_add.
      apply: le_trans o3 _; rewrite ler_add2r; apply: ler_wpmul2l; rewrite ?G_ge0 //.
      by rewrite /S !mulr_sumr; apply: ler_sum.
    rewrite -sumrB; apply: le_trans (ler_norm_sum _ _ _) _; rewrite /S !mulr_sumr; apply: ler_sum => k _.
    apply: le_trans (product_near (lexx _) (near_s k) (lexx _) (near_v k)) _.
    by apply: ler_wpmul2l; rewrite ?G_ge0.
  by rewrite addrAC ler_add2r mulrA -mulrDl -growth_mul -[q ^+ 2](subrK 1) -/(G 2) [G n * _]mulrDr mulr1.
have le3 : `|\sum_k (a k + b k) * (c k + d k)| <= 2%:R * S.
  apply: le_trans (ler_norm_sum _ _ _) _; rewrite /S mulr_sumr; apply: ler_sum => k _; rewrite normrM; exact: two_P.
have le1 : `|\sum_k a k * c k| <= A by apply: le_trans (ler_norm_sum _ _ _) _; apply: ler_sum => k _; rewrite normrM.
have le2 : `|\sum_k b k * d k| <= B by apply: le_trans (ler_norm_sum _ _ _) _; apply: ler_sum => k _; rewrite normrM.
have opp (x X : R) : `|x| <= X -> `|- x| <= X by rewrite normrN.
split.
  have le : `|\sum_k a k * c k + - (\sum_k b k * d k)| <= A + B.
    by apply: le_trans (ler_norm_add _ _) _; apply: ler_add => //; apply: opp.
  apply: le_trans (rounded_sum_off o1 (off_opp o2) le s_re) _.
  have -> : q * (G n * A + E + (G n * B + E)) + u * (A + B) = G n.+1 * (A + B) + 2%:R * q * E.
    by rewrite /growth exprS; exact: real_elements.
  by rewrite ler_add2r; apply: ler_wpmul2l; rewrite ?G_ge0.
have whole : \sum_k (a k * d k + b k * c k)
    = \sum_k (a k + b k) * (c k + d k) + (- (\sum_k a k * c k) + - (\sum_k b k * d k)).
  by rewrite -!sumrN -!big_split /=; apply: eq_bigr => k _; rewrite imaginary.
rewrite whole; have := @sum_of_terms _ [:: (\sum_k (a k + b k) * (c k + d k), t3, (2%:R * S, G (n + 2) * (2%:R * S) + E));
    (- (\sum_k a k * c k), - t1, (A, G n * A + E)); (- (\sum_k b k * d k), - t2, (B, G n * B + E))]
  (fun w => w.1.1) (fun w => w.1.2) (fun w => w.2.1) (fun w => w.2.2) im.
rewrite !big_cons !big_nil !addr0 /= => sums; apply: le_trans (sums _ _ s_im) _.
- by move=> w; rewrite !inE => /or3P [] /eqP -> //=; apply: opp.
- by move=> w; rewrite !inE => /or3P [] /eqP -> //=; apply: off_opp.
have -> : G (n + 2) = q ^+ 2 * q ^+ n - 1 by rewrite /growth addnC exprD.
rewrite imaginary_elements ler_add2r -!exprD -/(G (2 + n)) -/(G (2 + (2 + n))).
have -> : (2 + (2 + n) = n + 4)%N by rewrite addnA addnC.
have G_S : 0 <= G (n + 4) * S by rewrite mulr_ge0 ?G_ge0.
rewrite -mulrA [X in _ <= X](_ : _ = (1 + 1) * (G (n + 4) * S) + G (n + 4) * S); last first.
  by rewrite -[X in _ + X]mul1r -mulrDl addrC.
rewrite ler_add2l; apply: ler_pmul; rewrite ?G_ge0 ?addr_ge0 //.
by apply: growth_le => //; rewrite addnC leq_add2l.
Qed.

End Elements.

End Products.

Print Assumptions strassen_step_bound.
Print Assumptions strassen_bound.
Print Assumptions conventional_multiplies.
Print Assumptions strassen_of_conventional.
Print Assumptions three_products_bound.
Print Assumptions winograd_bound.
Print Assumptions three_products_by_element.
