(** Circulant, Toeplitz and Hankel matrices: multiplication modulo X^N - f is diagonal at the N-th roots x_i of f, its
    entries are those of one vector, and any Toeplitz matrix is a corner of it. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import displacement_rank.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Circulant.

Variables (F : fieldType) (n : nat).
Local Notation N := n.+1.
Implicit Types (f : F) (v : 'cV[F]_N) (x : 'rV[F]_N).

Lemma vandermonde_column x k : (k <= n)%N -> vandermonde x *m unit_vector F n k = \col_i x 0 i ^+ k.
Proof.
move=> le; apply/colP => i; rewrite !mxE (bigD1 (inord k)) //= big1 ?addr0 => [|j ne].
  by rewrite !mxE inordK // eqxx mulr1.
rewrite !mxE (_ : (j == k :> nat)%N = false) ?mulr0 //.
by apply: contraNF ne => /eqP e; apply/eqP/val_inj; rewrite /= inordK.
Qed.

Lemma vandermonde_shift x f : (forall i, x 0 i ^+ N = f) -> vandermonde x *m shift n f = diag_mx x *m vandermonde x.
Proof.
move=> root; apply: unit_columns => k le; rewrite -!mulmxA (vandermonde_column x le) mul_diag_mx.
have [lt|ge] := ltnP k n.
  by rewrite shift_unit // vandermonde_column //; apply/colP => i; rewrite !mxE exprS.
have -> : k = n by apply/eqP; rewrite eqn_leq le.
rewrite shift_last -scalemxAr vandermonde_column //; apply/colP => i.
by rewrite !mxE expr0 mulr1 -exprS root.
Qed.

(** Main theorem: Z_f(v) = V^-1 diag(V v) V, where V is invertible. *)
Theorem circulant_diagonal x f v : (forall i, x 0 i ^+ N = f) ->
  vandermonde x *m circulant f v = diag_mx (vandermonde x *m v)^T *m vandermonde x.
Proof.
move=> root; have power k : vandermonde x *m shift n f ^+ k = diag_mx (\row_i x 0 i ^+ k) *m vandermonde x.
  elim: k => [|k IH].
    rewrite expr0 mulmx1 (_ : diag_mx _ = 1%:M) ?mul1mx //.
    by apply/matrixP => i j; rewrite !mxE expr0.
  rewrite exprS -mulmxE mulmxA vandermonde_shift // -mulmxA IH mulmxA; congr (_ *m _).
  by rewrite mul_diag_mx; apply/matrixP => i j; rewrite !mxE exprS mulrnAr.
rewrite mulmx_sumr; under eq_bigr => k _ do rewrite -scalemxAr power.
apply/matrixP => i j; rewrite summxE mul_diag_mx !mxE mulr_suml; apply: eq_bigr => k _.
by rewrite mxE mul_diag_mx !mxE mulrA (mulrC (v k 0)).
Qed.

(** Two factors, where the nodes differ: V^-1 and diag(V v) V. *)
Corollary circulant_two_factors x f v : (forall i, x 0 i ^+ N = f) -> vandermonde x \in unitmx ->
  circulant f v = invmx (vandermonde x) *m (diag_mx (vandermonde x *m v)^T *m vandermonde x).
Proof. by move=> root inv; rewrite -(circulant_diagonal v root) mulKmx. Qed.

Lemma power_of_unit f k j : (k <= n)%N -> (j <= n)%N ->
  shift n f ^+ k *m unit_vector F n j
  = if (k + j < N)%N then unit_vector F n (k + j) else f *: unit_vector F n (k + j - N).
Proof.
move=> le_k le_j; rewrite -(power_unit f le_j) mulmxA mulmxE -exprD; case: ltnP => [lt|ge].
  by rewrite power_unit.
have le : (k + j - N <= n)%N by rewrite leq_subLR (leq_trans (leq_add le_k le_j)) // leq_add2r.
rewrite -{1}(subnK ge) exprD -mulmxE shift_power mul_mx_scalar -scalemxAl power_unit //.
Qed.

(** Its entries: v_(i - j), and f v_(N + i - j) above the diagonal. *)
Theorem circulant_entry f v (i j : 'I_N) :
  circulant f v i j = if (j <= i)%N then v (inord (i - j)) 0 else f * v (inord (N + i - j)) 0.
Proof.
have -> : circulant f v i j = \sum_(k < N) v k 0 * (shift n f ^+ k *m unit_vector F n j) i 0.
  rewrite summxE; apply: eq_bigr => k _; rewrite mxE; congr (_ * _).
  rewrite mxE (bigD1 j) //= big1 ?addr0 => [|l ne]; first by rewrite mxE eqxx mulr1.
  by rewrite mxE (_ : (l == j :> nat)%N = false) ?mulr0 //; apply: negbTE.
have entry (k : 'I_N) : (shift n f ^+ k *m unit_vector F n j) i 0 =
    if (k + j < N)%N then (i == k + j :> nat)%N%:R else f * (i == k + j - N :> nat)%N%:R.
  by rewrite power_of_unit ?leq_ord //; case: ifP; rewrite !mxE.
under eq_bigr => k _ do rewrite entry.
have le_i := leq_ord i; have le_j := leq_ord j; case: leqP => [le|lt].
  have in_N : (i - j < N)%N by rewrite ltnS (leq_trans (leq_subr _ _)).
  rewrite (bigD1 (inord (i - j))) //= inordK // subnK // ltn_ord eqxx mulr1 big1 ?addr0 // => k ne.
  case: ltnP => [_|ge].
    rewrite (_ : (i == k + j :> nat)%N = false) ?mulr0 //; apply: contraNF ne => /eqP e.
    by apply/eqP/val_inj; rewrite /= inordK // e addnK.
  rewrite (_ : (i == k + j - N :> nat)%N = false) ?mulr0 //; apply/negbTE; rewrite neq_ltn orbC.
  by rewrite (leq_trans _ le) // -(ltn_add2r N) subnK // addnC ltn_add2l ltn_ord.
have le_Nj : (j <= N + i)%N by rewrite (leq_trans le_j) // (leq_trans (leqnSn n)) // leq_addr.
have in_N : (N + i - j < N)%N by rewrite -(ltn_add2r j) subnK // ltn_add2l.
rewrite (bigD1 (inord (N + i - j))) //= inordK // subnK // ltnNge leq_addr /= addKn eqxx mulr1.
rewrite big1 ?addr0 1?mulrC // => k ne; case: ltnP => [lt_k|ge].
  rewrite (_ : (i == k + j :> nat)%N = false) ?mulr0 //; apply/negbTE; rewrite neq_ltn.
  by rewrite (leq_trans lt) ?leq_addl.
rewrite (_ : (i == k + j - N :> nat)%N = false) ?mulr0 //; apply: contraNF ne => /eqP e.
by apply/eqP/val_inj; rewrite /= inordK // e subnKC // addnK.
Qed.

(** A Toeplitz matrix t_(i - j), i, j < m, where 2 m - 1 <= N: the corner of the circulant of t_0 ... t_(m - 1), zeros,
    t_(1 - m) ... t_(-1). *)
Theorem toeplitz_corner m (below above : nat -> F) : (m.*2.-1 <= N)%N ->
  let v : 'cV[F]_N := \col_k (if (k < m)%N then below k else above (N - k)%N) in
  forall i j : 'I_N, (i < m)%N -> (j < m)%N ->
  circulant 1 v i j = if (j <= i)%N then below (i - j)%N else above (j - i)%N.
Proof.
move=> room v i j lt_i lt_j; rewrite circulant_entry mul1r; case: leqP => [le|lt].
  have small : (i - j < m)%N by rewrite (leq_ltn_trans (leq_subr _ _)).
  by rewrite mxE inordK ?small // ltnS (leq_trans (leq_subr _ _)) ?leq_ord.
have le_Nj : (j <= N + i)%N by rewrite (leq_trans (ltnW (ltn_ord j))) // leq_addr.
have in_N : (N + i - j < N)%N by rewrite -(ltn_add2r j) subnK // ltn_add2l.
rewrite mxE inordK // ltnNge (_ : (m <= N + i - j)%N) /=; last first.
  rewrite leq_subRL //; apply: leq_trans (leq_trans _ room) (leq_addr i N).
  by rewrite -ltnS prednK ?double_gt0 ?(leq_ltn_trans (leq0n i)) // -addnn ltn_add2r.
congr above; rewrite -subnBA ?(ltnW lt) // subKn //.
by rewrite (leq_trans (leq_subr _ _)) // ltnW.
Qed.

End Circulant.

Print Assumptions circulant_diagonal.
Print Assumptions circulant_two_factors.
Print Assumptions circulant_entry.
Print Assumptions toeplitz_corner.
