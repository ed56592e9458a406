(** Matrices of low displacement rank: with A M - M B = G H^T, A^N M - M B^N telescopes, and where B is an f-circulant
    shift this is (A^N - f) M, a sum of products of two structured matrices, one for each column of G and H. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.

Lemma sub_none m k : k <= m -> (m - k == 0) = (k == m).
Proof. by move=> le; rewrite subn_eq0 eqn_leq le. Qed.

Lemma sub_whole m k : k <= m -> (m - k == m) = (k == 0).
Proof.
move=> le; apply/eqP/eqP => [e|->]; last by rewrite subn0.
by apply/eqP; rewrite -(eqn_add2l m) addn0 -{1}e subnK.
Qed.

Local Open Scope ring_scope.

Section Displacement.

Variables (F : fieldType) (n r : nat).
Local Notation N := n.+1.
Implicit Types (A B M : 'M[F]_N) (G H : 'M[F]_(N, r)) (e f : F) (g h v : 'cV[F]_N).

(** e_i goes to e_(i+1), and the last to f e_0. *)
Definition shift f : 'M[F]_N :=
  \matrix_(i, j) (if (i == j.+1 :> nat)%N then 1 else f *+ ((i == 0 :> nat)%N && (j == n :> nat)%N)).

Definition unit_vector (i : nat) : 'cV[F]_N := \col_k (k == i :> nat)%:R.

Lemma shift_unit f i : (i < n)%N -> shift f *m unit_vector i = unit_vector i.+1.
Proof.
move=> lt; apply/colP => k; rewrite !mxE (bigD1 (inord i)) //= big1 ?addr0 => [|j ne].
  by rewrite !mxE inordK ?(ltn_trans lt) // eqxx mulr1 (ltn_eqF lt) andbF mulr0n; case: eqP.
rewrite !mxE (_ : (j == i :> nat) = false) ?mulr0 //.
by apply: contraNF ne => /eqP e; apply/eqP/val_inj; rewrite /= inordK // ltnS ltnW.
Qed.

Lemma shift_last f : shift f *m unit_vector n = f *: unit_vector 0.
Proof.
apply/colP => k; rewrite !mxE (bigD1 ord_max) //= big1 ?addr0 => [|j ne].
  by rewrite !mxE eqxx mulr1 andbT (ltn_eqF (ltn_ord k)); case: eqP => _; rewrite ?mulr1 ?mulr0.
rewrite !mxE (_ : (j == n :> nat) = false) ?mulr0 //.
by apply: contraNF ne => /eqP e; apply/eqP/val_inj.
Qed.

Lemma power_unit f k : (k <= n)%N -> shift f ^+ k *m unit_vector 0 = unit_vector k.
Proof.
elim: k => [|k IH] le; first by rewrite expr0 mul1mx.
by rewrite exprS -mulmxA IH ?(ltnW le) // shift_unit.
Qed.

Lemma power_whole f : shift f ^+ N *m unit_vector 0 = f *: unit_vector 0.
Proof. by rewrite exprS -mulmxA power_unit // shift_last. Qed.

Lemma unit_columns A B : (forall i, (i <= n)%N -> A *m unit_vector i = B *m unit_vector i) -> A = B.
Proof.
move=> same; apply/matrixP => i j; have /colP /(_ i) := same j (leq_ord j); rewrite !mxE.
have pick C : \sum_k C i k * unit_vector j k 0 = C i j.
  rewrite (bigD1 j) //= big1 ?addr0 => [|k ne]; first by rewrite mxE eqxx mulr1.
  by rewrite mxE (_ : (k == j :> nat) = false) ?mulr0 //; apply: negbTE.
by rewrite !pick.
Qed.

(** The shift to the power N is f. *)
Theorem shift_power f : shift f ^+ N = f%:M.
Proof.
apply: unit_columns => i le; rewrite -(power_unit f le) mulmxA mulmxE -exprD addnC exprD -mulmxE -mulmxA power_whole.
by rewrite -scalemxAr mulmxA mul_scalar_mx -scalemxAl.
Qed.

(** Multiplication by a polynomial of coefficients v modulo X^N - f. *)
Definition circulant f v : 'M[F]_N := \sum_(k < N) v k 0 *: shift f ^+ k.

Lemma circulant_unit f v : circulant f v *m unit_vector 0 = v.
Proof.
rewrite mulmx_suml; apply/colP => i; rewrite summxE (bigD1 i) //= big1 ?addr0 => [|k ne].
  by rewrite -scalemxAl power_unit ?leq_ord // !mxE eqxx mulr1.
by rewrite -scalemxAl power_unit ?leq_ord // !mxE eq_sym (_ : (k == i :> nat) = false) ?mulr0 //; apply: negbTE.
Qed.

Lemma circulant_commutes f v k : circulant f v *m shift f ^+ k = shift f ^+ k *m circulant f v.
Proof.
rewrite mulmx_suml mulmx_sumr; apply: eq_bigr => l _; rewrite -scalemxAl -scalemxAr mulmxE.
by rewrite -!exprD addnC.
Qed.

Theorem circulant_columns f v k : (k <= n)%N -> circulant f v *m unit_vector k = shift f ^+ k *m v.
Proof. by move=> le; rewrite -(power_unit f le) mulmxA circulant_commutes -mulmxA circulant_unit. Qed.

(** Reversed: J. J Z_f J is the transpose of Z_f. *)
Definition reversal : 'M[F]_N := \matrix_(i, j) ((i : nat) + j == n)%N%:R.

Lemma reversal_rows m (X : 'M[F]_(N, m)) : reversal *m X = \matrix_(i, j) X (rev_ord i) j.
Proof.
apply/matrixP => i j; rewrite !mxE (bigD1 (rev_ord i)) //= big1 ?addr0 => [|k ne].
  by rewrite mxE /= subSS subnKC ?leq_ord // eqxx mul1r.
rewrite mxE (_ : (i + k == n)%N = false) ?mul0r //; apply: contraNF ne => /eqP e.
by apply/eqP/val_inj; rewrite /= subSS -[LHS](addKn i) e.
Qed.

Lemma reversal_columns m (X : 'M[F]_(m, N)) : X *m reversal = \matrix_(i, j) X i (rev_ord j).
Proof.
apply: trmx_inj; have sym : reversal^T = reversal by apply/matrixP => i j; rewrite !mxE addnC.
by rewrite trmx_mul sym reversal_rows; apply/matrixP => i j; rewrite !mxE.
Qed.

Lemma reversalK : reversal *m reversal = 1%:M.
Proof.
rewrite reversal_rows; apply/matrixP => i j; rewrite !mxE /= subSS; congr (_%:R); congr (nat_of_bool _).
by rewrite -(eqn_add2l i) addnA subnKC ?leq_ord // addnC eqn_add2r eq_sym.
Qed.

Theorem reversal_shift f : reversal *m shift f *m reversal = (shift f)^T.
Proof.
rewrite reversal_rows reversal_columns; apply/matrixP => i j; rewrite !mxE /= !subSS.
have le_i := leq_ord i; have le_j := leq_ord j.
rewrite -(eqn_add2r (i + j)) addnA subnK // addSn (addnC i) addnA subnK // -addnS eqn_add2l eq_sym.
by case: eqP => // _; rewrite sub_none // sub_whole // andbC.
Qed.

(** Row k of an f-circulant matrix: the last row, h reversed, times a power of the shift. *)
Lemma row_power f k : (k <= n)%N -> (unit_vector n)^T *m shift f ^+ k = (unit_vector (n - k))^T.
Proof.
elim: k => [|k IH] lt; first by rewrite expr0 mulmx1 subn0.
rewrite exprSr -[in LHS]mulmxE mulmxA IH ?(ltnW lt) //; apply/rowP => j; rewrite !mxE.
have in_N : (n - k < N)%N by rewrite ltnS leq_subr.
rewrite (bigD1 (Ordinal in_N)) //= big1 ?addr0 => [|i ne]; last first.
  by rewrite !mxE (_ : (i == n - k :> nat)%N = false) ?mul0r //; apply: negbTE.
rewrite !mxE /= eqxx mul1r (_ : (n - k == 0)%N = false); last by rewrite subn_eq0 leqNgt lt.
have -> : (n - k = (n - k.+1).+1)%N by rewrite subnSK.
by rewrite eqSS eq_sym; case: eqP.
Qed.

Lemma last_row f h : (unit_vector n)^T *m circulant f (reversal *m h) = h^T.
Proof.
rewrite mulmx_sumr; apply/rowP => j; rewrite summxE (bigD1 (rev_ord j)) //= big1 ?addr0 => [|k ne].
  have le : (rev_ord j <= n)%N by rewrite /= subSS leq_subr.
  rewrite -scalemxAr row_power // reversal_rows !mxE rev_ordK /= subSS subKn ?leq_ord //.
  by rewrite eqxx mulr1.
rewrite -scalemxAr row_power ?leq_ord // !mxE (_ : (j == n - k :> nat)%N = false) ?mulr0 //.
apply: contraNF ne => /eqP e; apply/eqP/val_inj; by rewrite /= subSS e subKn ?leq_ord.
Qed.

Lemma circulant_rows f h (k : 'I_N) :
  row k (circulant f (reversal *m h)) = h^T *m shift f ^+ (n - k).
Proof.
have -> : row k (circulant f (reversal *m h)) = (unit_vector k)^T *m circulant f (reversal *m h).
  rewrite rowE; congr (_ *m _); apply/rowP => j; rewrite !mxE eqxx /= eq_sym; congr (_%:R).
  by rewrite eq_sym.
have -> : (unit_vector k)^T = (unit_vector n)^T *m shift f ^+ (n - k).
  by rewrite row_power ?leq_subr // subKn ?leq_ord.
by rewrite -mulmxA -circulant_commutes mulmxA last_row.
Qed.

(** Columns A^k g. *)
Definition krylov A g : 'M[F]_N := \matrix_(i, k) (A ^+ k *m g) i 0.

(** A^N M - M B^N telescopes. *)
Theorem telescope A B M K k : A *m M - M *m B = K ->
  A ^+ k *m M - M *m B ^+ k = \sum_(l < k) A ^+ l *m K *m B ^+ (k - l.+1).
Proof.
move=> <-; elim: k => [|k IH]; first by rewrite big_ord0 !expr0 mul1mx mulmx1 subrr.
rewrite big_ord_recr /= subnn expr0 mulmx1 mulmxBr.
have -> : \sum_(l < k) A ^+ l *m (A *m M - M *m B) *m B ^+ (k.+1 - l.+1) = (A ^+ k *m M - M *m B ^+ k) *m B.
  rewrite IH mulmx_suml; apply: eq_bigr => l _; rewrite -[RHS]mulmxA; congr (_ *m _).
  by rewrite mulmxE -exprSr subSS -subSn.
have left : A ^+ k.+1 *m M = A ^+ k *m (A *m M) by rewrite exprSr -mulmxE mulmxA.
have right : M *m B ^+ k.+1 = M *m B ^+ k *m B by rewrite exprSr -mulmxE mulmxA.
by rewrite left right mulmxBl -(mulmxA (A ^+ k) M B) [RHS]addrC addrA subrK.
Qed.

(** Main theorem. *)
Theorem displacement A M G H f : A *m M - M *m shift f = G *m H^T ->
  (A ^+ N - f%:M) *m M = \sum_j krylov A (col j G) *m circulant f (reversal *m col j H).
Proof.
move=> given; have := telescope N given; rewrite shift_power mul_mx_scalar mulmxBl mul_scalar_mx => ->.
transitivity (\sum_(l < N) \sum_j A ^+ l *m col j G *m ((col j H)^T *m shift f ^+ (n - l))).
  apply: eq_bigr => l _; rewrite -mulmxA -mulmxA subSS.
  have -> : G *m (H^T *m shift f ^+ (n - l)) = \sum_j col j G *m ((col j H)^T *m shift f ^+ (n - l)).
    rewrite mulmxA {1}(_ : G *m H^T = \sum_j col j G *m (col j H)^T).
      by rewrite mulmx_suml; apply: eq_bigr => j _; rewrite mulmxA.
    apply/matrixP => i k; rewrite mxE summxE; apply: eq_bigr => j _.
    by rewrite !mxE big_ord1 !mxE.
  by rewrite mulmx_sumr; apply: eq_bigr => j _; rewrite mulmxA.
rewrite exchange_big; apply: eq_bigr => j _; apply/matrixP => i k; rewrite summxE mxE; apply: eq_bigr => l _.
rewrite -circulant_rows mxE big_ord1 !mxE //.
Qed.

(** The four classes. *)
Lemma krylov_shift e g : krylov (shift e) g = circulant e g.
Proof.
apply: unit_columns => k le; rewrite circulant_columns //; apply/colP => i; rewrite mxE (bigD1 (inord k)) //=.
rewrite big1 ?addr0 => [|l ne]; last first.
  rewrite !mxE (_ : (l == k :> nat)%N = false) ?mulr0 //.
  by apply: contraNF ne => /eqP e'; apply/eqP/val_inj; rewrite /= inordK.
by rewrite !mxE inordK // eqxx mulr1.
Qed.

Theorem toeplitz_like e f M G H : e != f -> shift e *m M - M *m shift f = G *m H^T ->
  M = (e - f)^-1 *: \sum_j circulant e (col j G) *m circulant f (reversal *m col j H).
Proof.
move=> differ /displacement; rewrite shift_power => whole.
have -> : \sum_j circulant e (col j G) *m circulant f (reversal *m col j H) = (e - f) *: M.
  by rewrite -mul_scalar_mx raddfB whole; apply: eq_bigr => j _; rewrite krylov_shift.
by rewrite scalerA mulVf ?scale1r // subr_eq0.
Qed.

Theorem hankel_like e f M G H : e != f -> shift e *m M - M *m (shift f)^T = G *m H^T ->
  M = (e - f)^-1 *: \sum_j circulant e (col j G) *m circulant f (col j H) *m reversal.
Proof.
move=> differ given; have : shift e *m (M *m reversal) - M *m reversal *m shift f = G *m (reversal *m H)^T.
  have sym : reversal^T = reversal by apply/matrixP => i j; rewrite !mxE addnC.
  have -> : G *m (reversal *m H)^T = G *m H^T *m reversal by rewrite trmx_mul sym mulmxA.
  by rewrite -given mulmxBl -reversal_shift -!mulmxA reversalK mulmx1.
move=> /(toeplitz_like differ) whole; rewrite -[LHS]mulmx1 -reversalK mulmxA whole -scalemxAl mulmx_suml.
congr (_ *: _); apply: eq_bigr => j _; congr (_ *m circulant f _ *m _).
by rewrite !colE !mulmxA reversalK mul1mx.
Qed.

Definition vandermonde (x : 'rV[F]_N) : 'M[F]_N := \matrix_(i, k) x 0 i ^+ k.

Theorem vandermonde_like (x : 'rV[F]_N) f M G H : (forall i, x 0 i ^+ N != f) ->
  diag_mx x *m M - M *m shift f = G *m H^T ->
  M = \sum_j diag_mx (\row_i (G i j / (x 0 i ^+ N - f))) *m vandermonde x *m circulant f (reversal *m col j H).
Proof.
move=> differ /displacement whole.
have power k : diag_mx x ^+ k = diag_mx (\row_i x 0 i ^+ k).
  elim: k => [|k IH]; first by rewrite expr0; apply/matrixP => i j; rewrite !mxE expr0.
  rewrite exprS IH -mulmxE mul_diag_mx; apply/matrixP => i j; rewrite !mxE exprS.
  by rewrite mulrnAr.
have scaled : diag_mx (\row_i (x 0 i ^+ N - f)^-1) *m (diag_mx x ^+ N - f%:M) = 1%:M.
  rewrite power mul_diag_mx; apply/matrixP => i j; rewrite !mxE -mulrnBl mulrnAr mulVf //.
  by rewrite subr_eq0.
rewrite -[LHS]mul1mx -scaled -mulmxA whole mulmx_sumr; apply: eq_bigr => j _; rewrite mulmxA; congr (_ *m _).
have at_node g i k : (diag_mx x ^+ k *m g) i 0 = x 0 i ^+ k * g i 0 by rewrite power mul_diag_mx !mxE.
rewrite !mul_diag_mx; apply/matrixP => i k; rewrite mxE [krylov _ _ i k]mxE at_node !mxE.
by rewrite mulrCA mulrC (mulrC _^-1).
Qed.

Theorem cauchy_like (x y : 'rV[F]_N) M G H : (forall i j, x 0 i != y 0 j) ->
  diag_mx x *m M - M *m diag_mx y = G *m H^T -> forall i j, M i j = \sum_k G i k * (x 0 i - y 0 j)^-1 * H j k.
Proof.
move=> differ /matrixP given i j; have := given i j; rewrite mul_diag_mx mul_mx_diag !mxE => whole.
have nonzero : x 0 i - y 0 j != 0 by rewrite subr_eq0.
apply: (mulfI nonzero); have -> : (x 0 i - y 0 j) * M i j = \sum_k G i k * H^T k j.
  by rewrite mulrBl [y 0 j * _]mulrC.
by rewrite mulr_sumr; apply: eq_bigr => k _; rewrite mxE mulrA mulrCA mulfV // mulr1.
Qed.

End Displacement.

Print Assumptions shift_power.
Print Assumptions circulant_columns.
Print Assumptions reversal_shift.
Print Assumptions telescope.
Print Assumptions displacement.
Print Assumptions toeplitz_like.
Print Assumptions hankel_like.
Print Assumptions vandermonde_like.
Print Assumptions cauchy_like.
