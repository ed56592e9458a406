(** The best order of the rows is as hard as partition into triangles. Rows that are the vertices of a graph, with
    A A^T = D + adjacency, come within 2 (D - 1) k of a Monarch matrix whose slices have three rows exactly when the slices
    are triangles of the graph. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp fingroup perm matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.identities.
From MonarchProofs Require Import optimal_projection.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Identities.

Variable F : fieldType.
Add Field F_field : (field_laws F).

Lemma completed (n r x y z c0 c1 c2 : F) : n = c0 * c0 + c1 * c1 + c2 * c2 ->
  n * ((x - c0 * r) * (x - c0 * r) + (y - c1 * r) * (y - c1 * r) + (z - c2 * r) * (z - c2 * r))
  = n * (x * x + y * y + z * z)
    - (c0 * c0 * (x * x) + c1 * c1 * (y * y) + c2 * c2 * (z * z)
       + (c0 * c1 + c0 * c1) * (x * y) + (c1 * c2 + c1 * c2) * (y * z) + (c0 * c2 + c0 * c2) * (x * z))
    + (n * r - (c0 * x + c1 * y + c2 * z)) * (n * r - (c0 * x + c1 * y + c2 * z)).
Proof. by move=> ->; by_ring F. Qed.

(** With the inner products of the rows: D, and p, q, s for the three pairs. *)
Lemma summed (n D p q s c0 c1 c2 : F) : n = c0 * c0 + c1 * c1 + c2 * c2 ->
  n * (D + D + D) - (c0 * c0 * D + c1 * c1 * D + c2 * c2 * D
     + (c0 * c1 + c0 * c1) * p + (c1 * c2 + c1 * c2) * q + (c0 * c2 + c0 * c2) * s)
  = n * (D - 1 + (D - 1)) + ((c0 * c0 + c1 * c1 - (c0 * c1 + c0 * c1) * p) + (c1 * c1 + c2 * c2 - (c1 * c2 + c1 * c2) * q)
     + (c0 * c0 + c2 * c2 - (c0 * c2 + c0 * c2) * s)).
Proof. by move=> ->; by_ring F. Qed.

Lemma thrice (D : F) : D + D + D = D - 1 + (D - 1) + (D + 1 + 1).
Proof. by by_ring F. Qed.

Lemma apart_square (a b : F) : a * a + b * b - (a * b + a * b) * 1 = (a - b) * (a - b).
Proof. by by_ring F. Qed.

End Identities.

Section Three.

Variables (R : realFieldType) (C : nat) (x y z : 'I_C -> R) (D : R) (p q s : bool).
Let dot (u v : 'I_C -> R) : R := \sum_a u a * v a.
Hypotheses (xx : dot x x = D) (yy : dot y y = D) (zz : dot z z = D).
Hypotheses (xy : dot x y = p%:R) (yz : dot y z = q%:R) (xz : dot x z = s%:R).

Definition gap3 (c0 c1 c2 : R) (r : 'I_C -> R) : R :=
  \sum_a ((x a - c0 * r a) * (x a - c0 * r a) + (y a - c1 * r a) * (y a - c1 * r a) + (z a - c2 * r a) * (z a - c2 * r a)).

Definition pair (a b : R) (e : bool) : R := a * a + b * b - (a * b + a * b) * e%:R.

Lemma pair_ge0 a b e : 0 <= pair a b e.
Proof.
rewrite /pair; case: e; first by rewrite (_ : true%:R = 1) // apart_square -expr2 sqr_ge0.
by rewrite mulr0 subr0 -!expr2 addr_ge0 ?sqr_ge0.
Qed.

Lemma pair_eq0 a b e : a != 0 -> pair a b e = 0 -> e /\ b = a.
Proof.
move=> nonzero; rewrite /pair; case: e.
  by rewrite (_ : true%:R = 1) // apart_square => /eqP; rewrite mulf_eq0 orbb subr_eq0 => /eqP.
rewrite mulr0 subr0 -!expr2 => /eqP; rewrite paddr_eq0 ?sqr_ge0 // sqrf_eq0.
by rewrite (negbTE nonzero).
Qed.

Lemma pairC a b e : pair a b e = pair b a e.
Proof. by rewrite /pair (addrC (a * a)) (mulrC a b). Qed.

Lemma gap3E c0 c1 c2 r n : n = c0 * c0 + c1 * c1 + c2 * c2 ->
  n * gap3 c0 c1 c2 r = n * (D - 1 + (D - 1)) + (pair c0 c1 p + pair c1 c2 q + pair c0 c2 s)
    + \sum_a (n * r a - (c0 * x a + c1 * y a + c2 * z a)) * (n * r a - (c0 * x a + c1 * y a + c2 * z a)).
Proof.
move=> eq; rewrite /gap3 mulr_sumr; under eq_bigr => a _ do rewrite (completed _ _ _ _ eq).
rewrite big_split /=; congr (_ + _); rewrite sumrB -mulr_sumr !big_split /= -!mulr_sumr.
by rewrite -/(dot x x) -/(dot y y) -/(dot z z) -/(dot x y) -/(dot y z) -/(dot x z) xx yy zz xy yz xz; apply: summed.
Qed.

(** A triangle is this far from rank one. *)
Lemma triangle_reached : [&& p, q & s] -> gap3 1 1 1 (fun a => (x a + y a + z a) / (1 + 1 + 1)) = D - 1 + (D - 1).
Proof.
move=> /and3P [p1 q1 s1]; pose n : R := 1 + 1 + 1.
have n_nonzero : n != 0 by rewrite /n -(natrD _ 1 1) -(natrD _ 2 1) pnatr_eq0.
apply: (mulfI n_nonzero); rewrite (gap3E _ (_ : n = 1 * 1 + 1 * 1 + 1 * 1)) ?mul1r // /pair p1 q1 s1 (_ : true%:R = 1) //.
rewrite !apart_square subrr mulr0 !addr0 big1 ?addr0 // => a _.
by rewrite !mul1r (mulrC n) divfK ?subrr ?mul0r.
Qed.

Opaque pair.

(** Three rows are at least so far from rank one, and no farther only if they are a triangle. *)
Theorem three_rows_far c0 c1 c2 r : 1 < D ->
  D - 1 + (D - 1) <= gap3 c0 c1 c2 r /\ (gap3 c0 c1 c2 r <= D - 1 + (D - 1) -> [&& p, q & s]).
Proof.
move=> large; pose n := c0 * c0 + c1 * c1 + c2 * c2.
have n_ge0 : 0 <= n by rewrite /n -!expr2 !addr_ge0 ?sqr_ge0.
have [n0|n_nonzero] := eqVneq n 0.
  have [c0z c1z c2z] : [/\ c0 = 0, c1 = 0 & c2 = 0].
    move: n0; rewrite /n -!expr2 => /eqP; rewrite !paddr_eq0 ?addr_ge0 ?sqr_ge0 // !sqrf_eq0.
    by move=> /andP [/andP [/eqP -> /eqP ->] /eqP ->].
  have -> : gap3 c0 c1 c2 r = D - 1 + (D - 1) + (D + 1 + 1).
    rewrite /gap3 c0z c1z c2z; under eq_bigr => a _ do rewrite !mul0r !subr0.
    rewrite !big_split /= -/(dot x x) -/(dot y y) -/(dot z z) xx yy zz.
    exact: thrice.
  have pos : 0 < D + 1 + 1 by rewrite !addr_gt0 ?ltr01 // (lt_trans ltr01).
  by split=> [|]; [rewrite ler_addl ltW | rewrite ger_addl leNgt pos].
have n_gt0 : 0 < n by rewrite lt_def n_nonzero.
have := gap3E r (erefl n); set rest := (X in _ = _ + X) => e.
have rest_ge0 : 0 <= rest by apply: sumr_ge0 => a _; rewrite -expr2 sqr_ge0.
have pairs_ge0 : 0 <= pair c0 c1 p + pair c1 c2 q + pair c0 c2 s by apply: addr_ge0; [apply: addr_ge0|]; apply: pair_ge0.
have {}e : n * gap3 c0 c1 c2 r = n * (D - 1 + (D - 1)) + (pair c0 c1 p + pair c1 c2 q + pair c0 c2 s + rest).
  by rewrite e; apply/esym/addrA.
split; first by rewrite -(ler_pmul2l n_gt0) e ler_addl; apply: addr_ge0.
rewrite -(ler_pmul2l n_gt0) e ger_addl => sum_le0.
have : pair c0 c1 p + pair c1 c2 q + pair c0 c2 s == 0.
  by rewrite eq_le pairs_ge0 andbT (le_trans _ sum_le0) // ler_addl.
rewrite (paddr_eq0 (addr_ge0 (pair_ge0 _ _ _) (pair_ge0 _ _ _)) (pair_ge0 _ _ _)) (paddr_eq0 (pair_ge0 _ _ _) (pair_ge0 _ _ _)) => /andP [/andP [/eqP z01 /eqP z12] /eqP z02].
have [zero0|nz0] := eqVneq c0 0; last first.
  have [-> e1] := pair_eq0 nz0 z01; have [-> _] := pair_eq0 nz0 z02.
  by move: z12; rewrite e1 => /(pair_eq0 nz0) [-> _].
have [zero1|nz1] := eqVneq c1 0; last first.
  by move: z01; rewrite pairC => /(pair_eq0 nz1) [_ same]; rewrite -same zero0 eqxx in nz1.
have [zero2|nz2] := eqVneq c2 0; last first.
  by move: z02; rewrite pairC => /(pair_eq0 nz2) [_ same]; rewrite -same zero0 eqxx in nz2.
by move: n_nonzero; rewrite /n zero0 zero1 zero2 !mul0r !addr0 eqxx.
Qed.


End Three.

Section Reduction.

Variables (R : realFieldType) (k C : nat) (D : R) (edge : rel 'I_(3 * k)).
Hypothesis large : 1 < D.
Hypothesis symmetric : symmetric edge.

(** The rows are vertices of a graph: entries 1 at the edges, and private columns that make all rows equally long. *)
Definition graph (A : 'M[R]_(3 * k, C * 1)) : Prop :=
  forall i j, \sum_a A i a * A j a = if i == j then D else (edge i j)%:R.

(** All groups of three rows t k + s are triangles. *)
Definition triangles : bool := [forall s : 'I_k, forall t : 'I_3, forall u : 'I_3, (t != u) ==> edge (join t s) (join u s)].

Lemma sum3 (f : 'I_3 -> R) : \sum_t f t = f 0 + f 1 + f (1 + 1).
Proof.
rewrite !big_ord_recl big_ord0 addr0 addrA; congr (f _ + f _ + f _); exact: val_inj.
Qed.

Theorem nearest_triangles A : graph A ->
  (exists L B, distance (fun z => z ^+ 2) A (monarch2 L B) <= \sum_(s < k) (D - 1 + (D - 1))) <-> triangles.
Proof.
move=> gram; pose row3 (s : 'I_k) (t : 'I_3) (a : 'I_C) := A (join t s) (join a 0).
have inner s t u : \sum_a row3 s t a * row3 s u a = if t == u then D else (edge (join t s) (join u s))%:R.
  have := gram (join t s) (join u s); rewrite big_join eq_join eqxx andbT => <-.
  by apply: eq_bigr => a _; rewrite big_ord1.
have slices L B : distance (fun z => z ^+ 2) A (monarch2 L B)
    = \sum_(s < k) gap3 (row3 s 0) (row3 s 1) (row3 s (1 + 1)) (L s 0 0) (L s 1 0) (L s (1 + 1) 0) (B 0 s).
  rewrite distance_splits; apply: eq_bigr => s _; rewrite big_ord1 /distance exchange_big.
  by apply: eq_bigr => a _; rewrite sum3 !mxE !big_ord1 !mxE -!expr2.
have rows s := @three_rows_far R C (row3 s 0) (row3 s 1) (row3 s (1 + 1)) D (edge (join 0 s) (join 1 s))
  (edge (join 1 s) (join (1 + 1) s)) (edge (join 0 s) (join (1 + 1) s))
  (inner s 0 0) (inner s 1 1) (inner s (1 + 1) (1 + 1)) (inner s 0 1) (inner s 1 (1 + 1)) (inner s 0 (1 + 1)).
have group s : [&& edge (join 0 s) (join 1 s), edge (join 1 s) (join (1 + 1) s) & edge (join 0 s) (join (1 + 1) s)]
    = [forall t : 'I_3, forall u : 'I_3, (t != u) ==> edge (join t s) (join u s)].
  apply/idP/forallP => [/and3P [e01 e12 e02] t|all]; last first.
    by have pick t u := implyP (forallP (all t) u); rewrite !pick.
  have cases (t' : 'I_3) : [\/ t' = 0, t' = 1 | t' = 1 + 1].
    by case: t' => -[|[|[|//]]] lt; [constructor 1|constructor 2|constructor 3]; apply: val_inj.
  apply/forallP => u; apply/implyP.
  by case: (cases t) (cases u) => -> [] -> //= _; rewrite // symmetric.
split=> [[L [B close]]|/forallP all].
  apply/forallP => s; rewrite -group; rewrite slices in close.
  have := rows s (L s 0 0) (L s 1 0) (L s (1 + 1) 0) (B 0 s) large; move=> [_]; apply.
  rewrite leNgt; apply/negP => more; move: close; rewrite leNgt => /negP; apply.
  rewrite (bigD1 s) //= [X in _ < X](bigD1 s) //=; apply: ltr_le_add => //.
  by apply: ler_sum => s' _; have [] := rows s' (L s' 0 0) (L s' 1 0) (L s' (1 + 1) 0) (B 0 s') large.
exists (fun _ => const_mx 1), (fun _ => \matrix_(s, a) ((row3 s 0 a + row3 s 1 a + row3 s (1 + 1) a) / (1 + 1 + 1))).
rewrite slices; apply: ler_sum => s _; rewrite !mxE.
have := @triangle_reached R C (row3 s 0) (row3 s 1) (row3 s (1 + 1)) D _ _ _
  (inner s 0 0) (inner s 1 1) (inner s (1 + 1) (1 + 1)) (inner s 0 1) (inner s 1 (1 + 1)) (inner s 0 (1 + 1)).
rewrite group => /(_ (all s)) <-; rewrite /gap3 le_eqVlt; apply/orP; left; apply/eqP.
by apply: eq_bigr => a _; rewrite !mxE.
Qed.

End Reduction.

(** Main theorem: some order of rows and columns comes this near exactly when the graph can be cut into triangles. *)
Theorem best_order (R : realFieldType) k C (D : R) (edge : rel 'I_(3 * k)) (A : 'M[R]_(3 * k, C * 1)) :
  1 < D -> symmetric edge -> graph D edge A ->
  (exists (r : 'S_(3 * k)) (c : 'S_(C * 1)) L B,
     distance (fun z => z ^+ 2) (col_perm c (row_perm r A)) (monarch2 L B) <= \sum_(s < k) (D - 1 + (D - 1)))
  <-> exists r : 'S_(3 * k), triangles (fun i j => edge (r i) (r j)).
Proof.
move=> large sym gram.
have moved (r : 'S_(3 * k)) (c : 'S_(C * 1)) : graph D (fun i j => edge (r i) (r j)) (col_perm c (row_perm r A)).
  move=> i j; rewrite -(inj_eq (@perm_inj _ r)) -gram [RHS](reindex_inj (@perm_inj _ c)).
  by apply: eq_bigr => a _; rewrite !mxE.
have sym' (r : 'S_(3 * k)) : symmetric (fun i j => edge (r i) (r j)) by move=> i j; apply: sym.
split=> [[r [c near]]|[r cut]]; first by exists r; apply/(nearest_triangles large (sym' r) (moved r c)).
by exists r, 1%g; apply/(nearest_triangles large (sym' r) (moved r 1%g)).
Qed.

Print Assumptions three_rows_far.
Print Assumptions nearest_triangles.
Print Assumptions best_order.
