(** The univariate basis polynomials q_j = f_0(Y_0) ... f_{p-1}(Y_{p-1}), Y_k = Z^(N / M_k), M_k = m_0 ... m_k.

    f_k depends on the input digits a_k ... a_{p-1}. For order 2, f_0 = r_j and f_1 = l_{a1}: q_j = l_{a1}(Z) r_j(Z^b). *)
From mathcomp Require Import all_ssreflect ssralg poly.
From MonarchProofs Require Import foundations.digits foundations.monarch.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Basis.

Variable F : fieldType.

(** One polynomial for each stage k and each choice of the digit a_k and of the later ones. *)
Fixpoint polynomials (rs : radices) : Type :=
  if rs is (_, n) :: rest then (('I_n -> 'I_(inputs rest) -> {poly F}) * polynomials rest)%type else unit.

(** q_j; the outputs of the later stages number N / M_k. *)
Fixpoint basis (rs : radices) : polynomials rs -> 'I_(inputs rs) -> {poly F} :=
  if rs is (_, n) :: rest
  then fun f j => (f.1 (high j) (low j) \Po 'X^(outputs rest)) * basis f.2 (low j)
  else fun _ _ => 1.

(** deg f_k < M_k at every stage; M is the product of the output radices of the stages before. *)
Fixpoint reduced (rs : radices) (M : nat) : polynomials rs -> Prop :=
  if rs is (m, _) :: rest
  then fun f => (forall a j, size (f.1 a j) <= m * M)%N /\ reduced (m * M) f.2
  else fun _ => True.

End Basis.
