(** Circulant, Toeplitz and Hankel matrices: multiplication modulo X^N - f is diagonal at the N-th roots x_i of f, its
    entries are those of one vector, and any Toeplitz matrix is a corner of it. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages foundations.points
  foundations.identities.
From MonarchProofs Require Import dft_is_monarch.theorem displacement_rank.theorem.

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

(** Rows and columns of a Monarch matrix scaled: its last stage reads the whole row index, its first one the whole
    column index. *)
Lemma staged_scaled (R : comRingType) r rest a b (A : 'M[R]_(a, b)) (d c : nat -> R) :
  outputs (r :: rest) = a -> inputs (r :: rest) = b -> staged (r :: rest) A ->
  staged (r :: rest) (\matrix_(i, j) (d i * A i j * c j)).
Proof.
set rs := r :: rest => rows columns [g entries].
exists (fun k x y => (if k == size rest then d x else 1) * g k x y * (if k == 0%N then c y else 1)) => i j.
have last : \prod_(k < size rs) (if k == size rest :> nat then d (i %% outputs (take k.+1 rs))%N else 1) = d i.
  rewrite (bigD1 (ord_max : 'I_(size rs))) // big1 => [|k ne].
    by rewrite eqxx (@take_oversize _ (size rs) rs (leqnn _)) rows modn_small //= mulr1.
  by rewrite (_ : (k == size rest :> nat) = false) //; apply: contraNF ne => /eqP e; apply/eqP/val_inj.
have first : \prod_(k < size rs) (if k == 0%N :> nat then c (j %% inputs (drop k rs))%N else 1) = c j.
  rewrite (bigD1 (ord0 : 'I_(size rs))) // big1 => [|k ne].
    by rewrite eqxx drop0 columns modn_small //= mulr1.
  by rewrite (_ : (k == 0%N :> nat) = false) //; apply: contraNF ne => /eqP e; apply/eqP/val_inj.
by rewrite mxE entries !big_split last first.
Qed.

(** Both factors are Monarch, with any radices whose product is N. *)
Section TwoMonarch.

Variables (F : fieldType) (n : nat) (w : F).
Local Notation N := n.+1.
Hypothesis primitive : N.-primitive_root w.
Variables (b0 : nat) (bs : seq nat).
Let rs : radices := [seq (b, b) | b <- b0 :: bs].
Add Field F_field : (field_laws F).
Hypothesis product : outputs rs = N.

Let inputs_product : inputs rs = N.
Proof. by rewrite -product /rs; elim: (b0 :: bs) => //= b rest ->; rewrite mulnC. Qed.

Lemma dft_staged (z : F) : z ^+ N = 1 -> staged rs (\matrix_(i < N, j < N) z ^+ (i * j)).
Proof.
move=> one; have [g entries] := monarch_staged (fourier_factors (b0 :: bs) z 1).
exists g => i j; have := entries (cast_ord (esym product) i) (cast_ord (esym inputs_product) j).
by rewrite dft_is_monarch ?[outputs _]product // mxE.
Qed.

Lemma root_sum (r : F) : r ^+ N = 1 -> \sum_(l < N) r ^+ l = (r == 1)%:R * N%:R.
Proof.
move=> one; case: eqVneq => [->|differ].
  by under eq_bigr => l _ do rewrite expr1n; rewrite sumr_const card_ord mul1r.
rewrite mul0r; apply: (mulfI (_ : r - 1 != 0)); first by rewrite subr_eq0.
by rewrite mulr0 -subrX1 one subrr.
Qed.

Let whole (k : nat) : (w ^+ k) ^+ N = 1.
Proof. by rewrite -exprM mulnC exprM (prim_expr_order primitive) expr1n. Qed.

Let w_nonzero k : w ^+ k != 0.
Proof. by apply/eqP => zero; have /eqP := whole k; rewrite zero expr0n eq_sym oner_eq0. Qed.

(** Sum of w^(l m) w^-(l k): N where m and k are the same modulo N. *)
Lemma characters (m k : nat) : \sum_(l < N) (w ^+ m) ^+ l * ((w ^+ k) ^+ l)^-1 = (m == k %[mod N])%N%:R * N%:R.
Proof.
under eq_bigr => l _ do rewrite -exprVn -exprMn.
rewrite root_sum; last by rewrite exprMn exprVn !whole invr1 mulr1.
rewrite -(eq_prim_root_expr primitive); congr (_%:R * _); congr nat_of_bool.
by apply/eqP/eqP => [one|->]; [rewrite -[LHS](mulfVK (w_nonzero k)) one mul1r | rewrite mulfV].
Qed.

Lemma N_nonzero : N%:R != 0 :> F.
Proof.
pose V : 'M[F]_N := points.vandermonde (fun i : 'I_N => w ^+ i).
have unit : V \in unitmx by apply: points.vandermonde_unit; apply: powers_distinct primitive.
apply/eqP => zero; have : V *m (\matrix_(l < N, k < N) ((w ^+ k) ^+ l)^-1) = 0.
  apply/matrixP => m k; transitivity ((m == k %[mod N])%N%:R * N%:R : F); last by rewrite zero mulr0 mxE.
  by rewrite -characters mxE; apply: eq_bigr => l _; rewrite !mxE.
move=> /(congr1 (mulmx (invmx V))); rewrite mulKmx // mulmx0 => /matrixP /(_ ord0 ord0) /eqP.
by rewrite !mxE !expr0 invr1 oner_eq0.
Qed.

(** Main theorem: V^-1 and diag(V v) V for the nodes root w^i. *)
Theorem circulant_two_monarch (root : F) v : root != 0 -> exists A B : 'M[F]_N,
  [/\ staged rs A, staged rs B & circulant (root ^+ N) v = A *m B].
Proof.
move=> nonzero; pose x : 'rV[F]_N := \row_i (root * w ^+ i).
pose A : 'M[F]_N := \matrix_(i, l) ((root ^- i / N%:R) * (w^-1) ^+ (i * l) * 1).
pose values := vandermonde x *m v.
pose at_l (l : nat) := values (inord l) 0.
pose B : 'M[F]_N := \matrix_(l, j) (at_l l * w ^+ (l * j) * root ^+ j).
exists A, B; split.
- have := staged_scaled (fun i => root ^- i / N%:R) (fun _ => 1) product inputs_product (dft_staged (z := w^-1) _).
  rewrite exprVn (prim_expr_order primitive) invr1 => /(_ erefl) [g e]; exists g => i l.
  by rewrite -e !mxE.
- have [g e] := staged_scaled at_l (fun j => root ^+ j) product inputs_product (dft_staged (prim_expr_order primitive)).
  by exists g => l j; rewrite -e !mxE.
have left : A *m vandermonde x = 1%:M.
  apply/matrixP => i k; rewrite !mxE.
  transitivity (root ^- i * root ^+ k / N%:R * \sum_(l < N) (w ^+ k) ^+ l * ((w ^+ i) ^+ l)^-1).
    rewrite mulr_sumr; apply: eq_bigr => l _; rewrite !mxE mulr1 exprMn -!exprM exprVn (mulnC l k).
    move: (root ^- i) (N%:R^-1) (w ^- (i * l)) (root ^+ k) (w ^+ (k * l)) => r m a b z; by by_ring F.
  rewrite characters !modn_small // [_%:R * N%:R]mulrC mulrA mulfVK ?N_nonzero //.
  rewrite [(k == i :> nat)]eq_sym; case: (eqVneq i k) => [<-|ne].
    by rewrite eqxx mulr1 mulVf // expf_neq0.
  by rewrite (_ : (i == k :> nat) = false) ?mulr0 //; apply/negbTE.
have -> : B = diag_mx values^T *m vandermonde x.
  rewrite mul_diag_mx; apply/matrixP => l j; rewrite [LHS]mxE [RHS]mxE [values^T _ _]mxE [vandermonde x l j]mxE.
  by rewrite [x _ _]mxE /at_l inord_val exprMn -exprM -mulrA (mulrC (root ^+ j)).
have nodes i : x 0 i ^+ N = root ^+ N by rewrite mxE exprMn whole mulr1.
by rewrite -(circulant_diagonal v nodes) mulmxA left mul1mx.
Qed.

(** Hankel matrices: h_(i + j mod N), and any Hankel matrix m x m, 2 m - 1 <= N, in its corner. *)
Definition wrapped_hankel (h : nat -> F) : 'M[F]_N := \matrix_(i, j) h ((i + j) %% N)%N.

Theorem hankel_two_monarch h : exists A B : 'M[F]_N,
  [/\ staged rs A, staged rs B & wrapped_hankel h = A *m B].
Proof.
pose spectrum (l : nat) := \sum_(m < N) h m * (w ^+ m) ^+ l.
have back : (w^-1) ^+ N = 1 by rewrite exprVn (prim_expr_order primitive) invr1.
pose A : 'M[F]_N := \matrix_(i, l) (w^-1) ^+ (i * l).
pose B : 'M[F]_N := \matrix_(l, j) (spectrum l / N%:R * (w^-1) ^+ (l * j) * 1).
exists A, B; split.
- exact: dft_staged.
- have [g e] := staged_scaled (fun l => spectrum l / N%:R) (fun _ => 1) product inputs_product (dft_staged back).
  by exists g => l j; rewrite -e !mxE.
apply/matrixP => i j; rewrite !mxE.
transitivity (\sum_(m < N) h m / N%:R * \sum_(l < N) (w ^+ m) ^+ l * ((w ^+ (i + j)) ^+ l)^-1).
  have lt : ((i + j) %% N < N)%N by rewrite ltn_mod.
  rewrite (bigD1 (Ordinal lt)) //= characters modn_mod eqxx mul1r mulfVK ?N_nonzero // big1 ?addr0 // => m ne.
  rewrite characters (_ : (_ == _ %[mod N])%N = false) ?mul0r ?mulr0 //; apply: contraNF ne => /eqP e.
  by apply/eqP/val_inj; rewrite /= -e modn_small.
transitivity (\sum_(m < N) \sum_(l < N) h m / N%:R * ((w ^+ m) ^+ l * ((w ^+ (i + j)) ^+ l)^-1)).
  by apply: eq_bigr => m _; rewrite mulr_sumr.
rewrite exchange_big /=; apply: eq_bigr => l _.
rewrite !mxE mulr1 /spectrum !mulr_suml mulr_sumr; apply: eq_bigr => m _.
rewrite (exprD w) exprMn invfM !exprVn -!exprM (mulnC l j).
move: (h m) (N%:R^-1) (w ^+ (m * l)) (w ^- (i * l)) (w ^- (j * l)) => t r a b z; by by_ring F.
Qed.

Lemma hankel_corner h m (i j : 'I_N) : (m.*2.-1 <= N)%N -> (i < m)%N -> (j < m)%N ->
  wrapped_hankel h i j = h (i + j)%N.
Proof.
move=> room lt_i lt_j; rewrite mxE modn_small //; apply: leq_trans room.
by case: m lt_i lt_j => // m lt_i lt_j; rewrite doubleS /= ltnS -addnn; apply: leq_add.
Qed.

End TwoMonarch.

Print Assumptions circulant_diagonal.
Print Assumptions circulant_two_factors.
Print Assumptions circulant_entry.
Print Assumptions toeplitz_corner.
Print Assumptions circulant_two_monarch.
Print Assumptions hankel_two_monarch.
