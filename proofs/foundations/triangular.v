(** Matrices that are triangular for an order on the indices: leq for causality, the product order for digits.

    M0 = V Q, V the monomials' values and Q the coefficients of the basis, triangular with non-zero diagonal. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Triangular.

Variables (F : fieldType) (N : nat) (le : rel 'I_N).
Hypothesis le_trans : transitive le.
Hypothesis le_leq : forall i j, le i j -> (i <= j)%N.

Variable Q : 'M[F]_N.
Hypothesis triangular : forall e j, Q e j != 0 -> le j e.
Hypothesis diagonal : forall j, Q j j != 0.

Lemma triangular_unit : Q \in unitmx.
Proof.
have trig : is_trig_mx Q.
  apply/is_trig_mxP => e j lt_ej; apply: contraTeq lt_ej => /triangular /le_leq.
  by rewrite -leqNgt.
by rewrite unitmxE det_trig // unitfE; apply/prodf_neq0 => j _.
Qed.

(** If Q x lives above j, so does x. *)
Lemma solution_above (x : 'cV[F]_N) j :
  (forall e, (Q *m x) e 0 != 0 -> le j e) -> forall i, x i 0 != 0 -> le j i.
Proof.
move=> above i; have [k] := ubnP (val i); elim: k i => // k IH i lt_ik nonzero.
case: (boolP [exists l, [&& l != i, Q i l != 0 & x l 0 != 0]]) => [/existsP [l /and3P [ne Qil xl]]|none].
  apply: le_trans (triangular Qil); apply: IH xl; apply: leq_trans (lt_ik : (i <= k)%N).
  by rewrite ltn_neqAle (ne : val l != val i) (le_leq (triangular Qil)).
apply: above; rewrite mxE (bigD1 i) //= big1 ?addr0 ?mulf_neq0 // => l ne.
apply/eqP; rewrite mulf_eq0; apply: contraNT none; rewrite negb_or => /andP [Qil xl].
by apply/existsP; exists l; rewrite ne Qil xl.
Qed.

(** At j itself nothing else interferes. *)
Lemma solution_at (x : 'cV[F]_N) j :
  (forall e, (Q *m x) e 0 != 0 -> le j e) -> (Q *m x) j 0 = Q j j * x j 0.
Proof.
move=> above; rewrite mxE (bigD1 j) //= big1 ?addr0 // => l ne.
apply/eqP; rewrite mulf_eq0; apply/norP => -[Qjl xl].
move: (solution_above above xl) (triangular Qjl) => /le_leq jl /le_leq lj.
by move: ne; rewrite -val_eqE /= eqn_leq jl lj.
Qed.

End Triangular.
