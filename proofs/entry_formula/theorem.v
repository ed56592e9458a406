(** Entry formula: an entry of a Monarch matrix is one product of block entries, one block of each stage. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Order2.

Variable R : ringType.

Lemma strideE m n (y : 'I_n) (x : 'I_m) (x' : 'I_m) (y' : 'I_n) :
  stride R m n (join y x) (join x' y') = ((x' == x) && (y' == y))%:R.
Proof. by rewrite mxE !high_join !low_join (eq_sym y) (eq_sym x) andbC. Qed.

Lemma block_diagonalE k m n (B : 'I_k -> 'M[R]_(m, n)) c (i : 'I_m) c' (j : 'I_n) :
  block_diagonal B (join c i) (join c' j) = (c == c')%:R * B c i j.
Proof. by rewrite mxE !high_join !low_join. Qed.

(** Multiplying by P on the left or right renames an index. *)
Lemma stride_mul m n q (A : 'M[R]_(m * n, q)) (y : 'I_n) (x : 'I_m) j :
  (stride R m n *m A) (join y x) j = A (join x y) j.
Proof.
rewrite mxE big_join /= (bigD1 x) //= (bigD1 y) //= strideE !eqxx mul1r.
rewrite big1 => [|y' /negbTE ne]; last by rewrite strideE ne andbF mul0r.
rewrite big1 ?addr0 // => x' /negbTE ne; rewrite big1 // => y' _.
by rewrite strideE ne mul0r.
Qed.

Lemma mul_stride m n q (A : 'M[R]_(q, n * m)) i (x : 'I_m) (y : 'I_n) :
  (A *m stride R m n) i (join x y) = A i (join y x).
Proof.
rewrite mxE big_join /= (bigD1 y) //= (bigD1 x) //= strideE !eqxx mulr1.
rewrite big1 => [|x' /negbTE ne]; last by rewrite strideE eq_sym ne mulr0.
rewrite big1 ?addr0 // => y' /negbTE ne; rewrite big1 // => x' _.
by rewrite strideE (eq_sym y) ne andbF mulr0.
Qed.

Lemma block_diagonal_mul k m n q (B : 'I_k -> 'M[R]_(m, n)) (A : 'M[R]_(k * n, q)) c (i : 'I_m) j :
  (block_diagonal B *m A) (join c i) j = \sum_l B c i l * A (join c l) j.
Proof.
rewrite mxE big_join (bigD1 c) //= [X in _ + X]big1 ?addr0 => [|c' ne].
  by apply: eq_bigr => l _; rewrite block_diagonalE eqxx mul1r.
by apply: big1 => l _; rewrite block_diagonalE eq_sym (negbTE ne) !mul0r.
Qed.

(** M[(t, s), (a0, a1)] = L_s[t, a1] · B_{a1}[s, a0], over any ring, commutative or not. *)
Theorem entry_order2 m0 m1 n0 n1 (L : 'I_m0 -> 'M[R]_(m1, n1)) (B : 'I_n1 -> 'M[R]_(m0, n0)) t s a0 a1 :
  monarch2 L B (join t s) (join a0 a1) = L s t a1 * B a1 s a0.
Proof.
rewrite /monarch2 mul_stride -!mulmxA stride_mul block_diagonal_mul.
under eq_bigr do rewrite stride_mul block_diagonalE.
rewrite (bigD1 a1) //= eqxx mul1r big1 ?addr0 // => l /negbTE ->.
by rewrite mul0r mulr0.
Qed.

End Order2.

Section OrderP.

Variable R : ringType.

(** Product over the stages, last stage leftmost, of the block entry that the digits of i and j select: stage 0 reads
    i_0 = i mod m_0, the most significant digit a_0 of j, and picks its block by the rest of j; the later stages read
    the rest of i and of j, and pick their blocks by i_0 as well. *)
Fixpoint entry (rs : radices) : factors R rs -> 'I_(outputs rs) -> 'I_(inputs rs) -> R :=
  if rs is (m, n) :: rest
  then fun F i j => entry (F.2 (low i)) (high i) (low j) * F.1 (low j) (low i) (high j)
  else fun _ _ _ => 1.

(** Any order, any radices, any ring. *)
Theorem entry_formula (rs : radices) (F : factors R rs) i j : monarch F i j = entry F i j.
Proof.
elim: rs F i j => [|[m n] rest IH] /= F i j; first by rewrite mxE !ord1.
case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->].
by rewrite entry_order2 IH !high_join !low_join.
Qed.

End OrderP.

Print Assumptions entry_order2.
Print Assumptions entry_formula.
