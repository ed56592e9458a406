(** Values of polynomials at distinct points, and at roots of unity. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra mxpoly polydiv.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section DistinctPoints.

Variables (F : fieldType) (n : nat) (x : 'I_n -> F).
Hypothesis distinct : injective x.

(** A polynomial of degree below n that vanishes at n distinct points is zero. *)
Lemma zero_at_points (p : {poly F}) : (size p <= n)%N -> (forall i, p.[x i] = 0) -> p = 0.
Proof.
move=> small vanish; apply/eqP; apply: contraTT small => nonzero; rewrite -ltnNge.
have := @max_poly_roots _ p [seq x i | i <- enum 'I_n] nonzero.
rewrite size_map size_enum_ord; apply; first by apply/allP => _ /mapP [i _ ->]; rewrite rootE vanish.
by rewrite map_inj_uniq ?enum_uniq.
Qed.

Lemma same_at_points (p q : {poly F}) :
  (size p <= n)%N -> (size q <= n)%N -> (forall i, p.[x i] = q.[x i]) -> p = q.
Proof.
move=> small_p small_q same; apply/eqP; rewrite -subr_eq0; apply/eqP; apply: zero_at_points => [|i].
  by rewrite (leq_trans (size_add _ _)) // size_opp geq_max small_p.
by rewrite hornerD hornerN same subrr.
Qed.

Definition vandermonde : 'M[F]_n := \matrix_(i, k) x i ^+ k.

(** The Vandermonde matrix evaluates: column c of coefficients to values. *)
Lemma vandermonde_values (c : 'cV[F]_n) i : (vandermonde *m c) i 0 = (rVpoly c^T).[x i].
Proof.
rewrite mxE horner_poly; apply: eq_bigr => k _.
by rewrite mxE valK mxE mulrC.
Qed.

Lemma vandermonde_unit : vandermonde \in unitmx.
Proof.
rewrite -unitmx_tr -row_free_unit; apply: inj_row_free => v vanish.
have poly0 : rVpoly v = 0.
  apply: zero_at_points => [|i]; first exact: size_poly.
  have /rowP /(_ i) := vanish; rewrite -{1}[v]trmxK -trmx_mul mxE [RHS]mxE => <-.
  by rewrite vandermonde_values trmxK.
by apply: (can_inj (@rVpolyK _ _)); rewrite poly0 linear0.
Qed.

(** The polynomial of degree below n with given values. *)
Definition interpolant (v : 'I_n -> F) : {poly F} := rVpoly (invmx vandermonde *m \col_i v i)^T.

Lemma interpolantE v i : (interpolant v).[x i] = v i.
Proof. by rewrite -vandermonde_values mulmxA mulmxV ?vandermonde_unit // mul1mx mxE. Qed.

Lemma size_interpolant v : (size (interpolant v) <= n)%N.
Proof. exact: size_poly. Qed.

(** A polynomial of degree below n is V times its coefficients. *)
Lemma vandermonde_coefficients (p : {poly F}) i :
  (size p <= n)%N -> (vandermonde *m (\col_k p`_k)) i 0 = p.[x i].
Proof.
move=> small; rewrite mxE (horner_coef_wide _ small).
by apply: eq_bigr => k _; rewrite !mxE mulrC.
Qed.

End DistinctPoints.

Section RootsOfUnity.

Variables (F : fieldType) (n : nat) (w : F).
Hypothesis primitive : n.-primitive_root w.

Lemma powers_distinct : injective (fun i : 'I_n => w ^+ i).
Proof.
move=> i j /eqP; rewrite (eq_prim_root_expr primitive) !modn_small // => /eqP e.
exact: val_inj.
Qed.

(** A power of w that only matters modulo n. *)
Lemma root_power_mod k : w ^+ (k %% n) = w ^+ k.
Proof. by rewrite (prim_expr_mod primitive). Qed.

End RootsOfUnity.
