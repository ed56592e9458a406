(** Membership: a matrix is Monarch of order 2 iff every slice A[(., s), (., a1)] has rank at most one, that is, iff all
    2 x 2 minors of the slices vanish; of order p iff the slices of every split do. Any field, any radices. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section RankOne.

Variable F : fieldType.

Lemma rank_one_outer m n (A : 'M[F]_(m, n)) :
  reflect (exists c : 'cV[F]_m, exists r : 'rV[F]_n, A = c *m r) (\rank A <= 1)%N.
Proof.
apply: (iffP idP) => [|[c [r ->]]]; last by rewrite (leq_trans (mulmx_max_rank _ _)).
case: (posnP (\rank A)) => [/eqP|pos le1].
  by rewrite mxrank_eq0 => /eqP -> _; exists 0, 0; rewrite mulmx0.
have one : \rank A = 1%N by apply/eqP; rewrite eqn_leq le1.
exists (castmx (erefl, one) (col_base A)), (castmx (one, erefl) (row_base A)).
by rewrite -[LHS]mulmx_base; case: _ / one; rewrite !castmx_id.
Qed.

(** Determinant of rows i, i' and columns j, j'. *)
Definition minor m n (A : 'M[F]_(m, n)) i i' j j' : F := A i j * A i' j' - A i j' * A i' j.

Lemma rank_one_minors m n (A : 'M[F]_(m, n)) :
  (\rank A <= 1)%N <-> forall i i' j j', minor A i i' j j' = 0.
Proof.
split=> [/rank_one_outer [c [r ->]] i i' j j'|vanish].
  by rewrite /minor !mxE !big_ord1 mulrACA [X in _ - X]mulrACA (mulrC (r 0 j)) subrr.
case: (eqVneq A 0) => [->|nonzero]; first by rewrite mxrank0.
have [i [j pivot]] := matrix0Pn _ nonzero.
apply/rank_one_outer; exists (\col_i' (A i' j / A i j)), (row i A); apply/matrixP => i' j'.
have /eqP := vanish i i' j j'; rewrite subr_eq0 => /eqP e.
rewrite !mxE big_ord1 !mxE; apply: (mulIf pivot).
by rewrite [RHS]mulrAC mulfVK // [LHS]mulrC e mulrC.
Qed.

End RankOne.

Section Membership.

Variables (F : fieldType) (m0 m1 n0 n1 : nat).

Implicit Types (A : 'M[F]_(m1 * m0, n0 * n1)).

(** Rows (t, s), columns (a0, a1): hold s and a1. *)
Definition slice A (s : 'I_m0) (a1 : 'I_n1) : 'M[F]_(m1, n0) := \matrix_(t, a0) A (join t s) (join a0 a1).

Definition is_monarch A : Prop :=
  exists L : 'I_m0 -> 'M[F]_(m1, n1), exists B : 'I_n1 -> 'M[F]_(m0, n0), A = monarch2 L B.

(** Main theorem. *)
Theorem rank_one_slices A : is_monarch A <-> forall s a1, (\rank (slice A s a1) <= 1)%N.
Proof.
split=> [[L [B ->]] s a1|small].
  apply/rank_one_outer; exists (col a1 (L s)), (row s (B a1)); apply/matrixP => t a0.
  by rewrite mxE entry_order2 [RHS]mxE big_ord1 !mxE.
have outer (p : 'I_m0 * 'I_n1) : exists q : 'cV[F]_m1 * 'rV[F]_n0, slice A p.1 p.2 = q.1 *m q.2.
  by case/rank_one_outer: (small p.1 p.2) => c [r e]; exists (c, r).
case: (fin_all_exists outer) => q slices.
exists (fun s => \matrix_(t, a1) (q (s, a1)).1 t 0), (fun a1 => \matrix_(s, a0) (q (s, a1)).2 0 a0).
apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->].
have /matrixP /(_ t a0) := slices (s, a1).
by rewrite entry_order2 !mxE big_ord1.
Qed.

(** The same with minors of A itself: rows (t, s), (t', s) and columns (a0, a1), (a0', a1). *)
Corollary vanishing_minors A :
  is_monarch A <->
  forall s a1 t t' a0 a0', minor A (join t s) (join t' s) (join a0 a1) (join a0' a1) = 0.
Proof.
split=> [/rank_one_slices small s a1 t t' a0 a0'|vanish].
  by have /rank_one_minors /(_ t t' a0 a0') := small s a1; rewrite /minor !mxE.
apply/rank_one_slices => s a1; apply/rank_one_minors => t t' a0 a0'.
by have := vanish s a1 t t' a0 a0'; rewrite /minor !mxE.
Qed.

End Membership.

Section OrderP.

Variable F : fieldType.

(** Entries of one slice of split k: the same output digits i_0 ... i_k and the same input digits a_{k+1} ... a_{p-1}. *)
Definition same_rows rs k (i i' : nat) : bool := (i == i' %[mod outputs (take k.+1 rs)])%N.
Definition same_columns rs k (j j' : nat) : bool := (j == j' %[mod inputs (drop k.+1 rs)])%N.

Definition slices_vanish rs (A : 'M[F]_(outputs rs, inputs rs)) : Prop :=
  forall k, (k.+1 < size rs)%N ->
  forall (i i' : 'I_(outputs rs)) (j j' : 'I_(inputs rs)), same_rows rs k i i' -> same_columns rs k j j' -> minor A i i' j j' = 0.

Lemma monarch_slices_vanish rs (G : factors F rs) : slices_vanish (monarch G).
Proof.
have [g e] := monarch_staged G => k lt i i' j j' /eqP rows /eqP columns.
apply/eqP; rewrite subr_eq0 !e; apply/eqP.
rewrite -!big_split; apply: eq_bigr => l _ /=.
case: (leqP l k) => le.
  have same : (i = i' %[mod outputs (take l.+1 rs)])%N.
    by have d := @outputs_take l.+1 k.+1 rs le; rewrite -(modn_dvdm i d) rows modn_dvdm.
  by rewrite same mulrC.
have same : (j = j' %[mod inputs (drop l rs)])%N.
  by have d := @inputs_drop k.+1 l rs le; rewrite -(modn_dvdm j d) columns modn_dvdm.
by rewrite same.
Qed.

Lemma slices_vanish_monarch r rs (A : 'M[F]_(outputs (r :: rs), inputs (r :: rs))) :
  slices_vanish A -> exists G : factors F (r :: rs), A = monarch G.
Proof.
elim: rs r A => [|r' rest IH] [m n] A vanish.
  exists (fun l => \matrix_(s, a) A (join ord0 s) (join a l), fun _ => tt); apply/matrixP => i j.
  case: (join_split i) => t [s ->]; case: (join_split j) => a [l ->].
  by rewrite /= entry_order2 !mxE !ord1 eqxx mul1r.
set below := r' :: rest in A vanish *.
pose pivot s l := [pick p : 'I_(outputs below) * 'I_n | A (join p.1 s) (join p.2 l) != 0].
pose U s : 'M[F]_(outputs below, inputs below) :=
  \matrix_(t, l) if pivot s l is Some p then A (join t s) (join p.2 l) else 0.
pose v l : 'M[F]_(m, n) :=
  \matrix_(s, a) if pivot s l is Some p then A (join p.1 s) (join a l) / A (join p.1 s) (join p.2 l) else 0.
have outer t s a l : A (join t s) (join a l) = U s t l * v l s a.
  rewrite !mxE /pivot; case: pickP => [[t' a'] /= nonzero|zero]; last first.
    by rewrite mul0r; apply/eqP; apply: contraFT (zero (t, a)).
  apply: (mulIf nonzero); rewrite mulrA mulfVK //.
  apply/eqP; rewrite -subr_eq0; apply/eqP; apply: (vanish 0%N) => //; first by rewrite /same_rows /= mul1n !modnMDl.
  by rewrite /same_columns /= ?drop0 !modnMDl.
have later s : slices_vanish (U s).
  move=> k lt t t' l l' rows columns; rewrite /minor !mxE.
  case: (pivot s l) => [[p a]|]; last by rewrite !mul0r mulr0 subrr.
  case: (pivot s l') => [[p' a']|]; last by rewrite mul0r !mulr0 subrr.
  apply: (vanish k.+1) => //.
    move: rows; rewrite /same_rows [take k.+2 _]/= [outputs (_ :: _)]/= -[outputs (take k.+1 below)]/(outputs _); set O := outputs (take k.+1 _).
    have split x (y : 'I_m) : ((x * m + y) %% (O * m) = (x %% O) * m + y)%N.
      rewrite {1}(divn_eq (_ %% _)%N m) -modn_divl divnMDl ?(leq_ltn_trans _ (ltn_ord y)) // divn_small // addn0.
      by rewrite modn_dvdm ?dvdn_mull // modnMDl (modn_small (ltn_ord y)).
    by move=> /eqP rows; rewrite !split rows.
  move: columns; rewrite /same_columns -[drop k.+2 _]/(drop k.+1 below).
  have d : (inputs (drop k.+1 below) %| inputs below)%N by apply: inputs_drop_all.
  by rewrite !(modn_join _ _ d).
have [G eG] := fin_all_exists (fun s => IH r' (U s) (later s)).
exists (v, G); apply/matrixP => i j.
case: (join_split i) => t [s ->]; case: (join_split j) => a [l ->].
by rewrite outer eG [in RHS]/monarch -/monarch entry_order2.
Qed.

(** Main theorem, order p >= 1, any radices. *)
Theorem minors_order_p r rs (A : 'M[F]_(outputs (r :: rs), inputs (r :: rs))) :
  (exists G : factors F (r :: rs), A = monarch G) <-> slices_vanish A.
Proof. by split=> [[G ->]|]; [apply: monarch_slices_vanish | apply: slices_vanish_monarch]. Qed.

(** The slice of split k through the entry (x, y), as a block of zeros elsewhere. *)
Definition slice_at rs k x y (A : 'M[F]_(outputs rs, inputs rs)) : 'M[F]_(outputs rs, inputs rs) :=
  \matrix_(i, j) if same_rows rs k i x && same_columns rs k j y then A i j else 0.

Corollary ranks_order_p r rs (A : 'M[F]_(outputs (r :: rs), inputs (r :: rs))) :
  (exists G : factors F (r :: rs), A = monarch G) <->
  forall k, (k < size rs)%N -> forall x y, (\rank (slice_at k x y A) <= 1)%N.
Proof.
rewrite minors_order_p; split=> [vanish k lt x y|small k lt i i' j j' rows columns].
  apply/rank_one_minors => i i' j j'; rewrite /minor !mxE.
  case si: (same_rows _ k i x); last by rewrite /= !mul0r subrr.
  case si': (same_rows _ k i' x); last by rewrite /= !mulr0 subrr.
  case sj: (same_columns _ k j y); last by rewrite /= mul0r mulr0 subrr.
  case sj': (same_columns _ k j' y); last by rewrite /= mul0r mulr0 subrr.
  by apply: (vanish k) => //; rewrite /same_rows /same_columns ?(eqP si) ?(eqP si') ?(eqP sj) ?(eqP sj').
have /rank_one_minors /(_ i i' j j') := small k lt i j.
rewrite /minor !mxE.
have -> : same_rows (r :: rs) k i i by rewrite /same_rows.
have -> : same_columns (r :: rs) k j j by rewrite /same_columns.
have -> : same_rows (r :: rs) k i' i by rewrite /same_rows eq_sym.
by have -> : same_columns (r :: rs) k j' j by rewrite /same_columns eq_sym.
Qed.

End OrderP.

Print Assumptions rank_one_slices.
Print Assumptions vanishing_minors.
Print Assumptions minors_order_p.
Print Assumptions ranks_order_p.
