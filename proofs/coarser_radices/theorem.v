(** Coarser radices: the stages of a stretch can be taken for one. So butterfly matrices are Monarch of any order below,
    with radices that are products of theirs, and products B B* are products M M*. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages transpose.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Coarser.

Variable R : comRingType.

(** The stages of a stretch as one. *)
Definition merged (s : radices) : nat * nat := (outputs s, inputs s).

Theorem merge_stages s1 s2 s3 a b (A : 'M[R]_(a, b)) :
  staged (s1 ++ s2 ++ s3) A -> staged (s1 ++ merged s2 :: s3) A.
Proof.
move=> [g entries]; set rs := s1 ++ s2 ++ s3 in entries *.
pose middle x y := \prod_(h < size s2)
  g (size s1 + h)%N (x %% outputs (take (size s1 + h).+1 rs))%N (y %% inputs (drop (size s1 + h) rs))%N.
exists (fun k x y => if (k < size s1)%N then g k x y else if k == size s1 then middle x y else g (k + size s2).-1 x y).
move=> i j; rewrite entries.
have -> : size rs = (size s1 + (size s2 + size s3))%N by rewrite !size_cat.
have -> : size (s1 ++ merged s2 :: s3) = (size s1 + (1 + size s3))%N by rewrite size_cat.
rewrite !big_split_ord /=; congr (_ * (_ * _)).
- apply: eq_bigr => k _; rewrite ltn_ord /rs !takel_cat ?ltn_ord // !drop_cat ltn_ord.
  by rewrite !inputs_cat.
- rewrite big_ord_recl big_ord0 mulr1 /= addn0 ltnn eqxx /middle; apply: eq_bigr => h _; congr (g _ _ _).
    rewrite modn_dvdm //; have -> : outputs (take (size s1).+1 (s1 ++ merged s2 :: s3)) = outputs (take (size s1 + size s2) rs).
      rewrite -cat_rcons take_size_cat ?size_rcons // /rs catA take_size_cat ?size_cat //.
      by rewrite -cats1 !outputs_cat /= mul1n.
    by apply: outputs_take; rewrite ltn_add2l.
  rewrite modn_dvdm //; have -> : inputs (drop (size s1) (s1 ++ merged s2 :: s3)) = inputs (drop (size s1) rs).
    by rewrite /rs !drop_size_cat //= inputs_cat.
  by apply: inputs_drop; rewrite leq_addr.
- have take_past (s t : radices) k : take (size s + k) (s ++ t) = s ++ take k t.
    by rewrite take_cat ltnNge leq_addr /= addKn.
  have drop_past (s t : radices) k : drop (size s + k) (s ++ t) = drop k t.
    by rewrite drop_cat ltnNge leq_addr /= addKn.
  apply: eq_bigr => h _; rewrite add1n.
  have -> : (size s1 + h.+1 < size s1)%N = false by rewrite ltnNge leq_addr.
  have -> : (size s1 + h.+1 == size s1)%N = false by rewrite gtn_eqF // addnS ltnS leq_addr.
  have -> : (size s1 + h.+1 + size s2).-1 = (size s1 + (size s2 + h))%N by rewrite addnS addSn /= -addnA (addnC h).
  congr (g _ (_ %% _)%N (_ %% _)%N); last by rewrite /rs !drop_past.
  by rewrite /rs -!addnS !take_past /= !outputs_cat /= -!outputs_cat.
Qed.

(** Any grouping of the stages. *)
Theorem group_stages s0 (ss : seq radices) a b (A : 'M[R]_(a, b)) :
  staged (s0 ++ flatten ss) A -> staged (s0 ++ map merged ss) A.
Proof.
elim: ss s0 => [|s ss IH] s0 //= all; rewrite -cat_rcons; apply: IH; rewrite cat_rcons.
exact: merge_stages.
Qed.

(** The size of a matrix depends on the product of the radices alone. *)
Lemma outputs_flatten (ss : seq radices) : outputs (map merged ss) = outputs (flatten ss).
Proof. by elim: ss => //= s ss IH; rewrite outputs_cat IH. Qed.

Lemma inputs_flatten (ss : seq radices) : inputs (map merged ss) = inputs (flatten ss).
Proof. by elim: ss => //= s ss IH; rewrite inputs_cat IH. Qed.

Corollary coarser_is_monarch (ss : seq radices) (F : factors R (flatten ss)) : exists G : factors R (map merged ss),
  monarch F = castmx (outputs_flatten ss, inputs_flatten ss) (monarch G).
Proof.
have := @group_stages [::] ss _ _ (monarch F) (monarch_staged F); rewrite /= => coarse.
have [|G eq] := (staged_monarch (castmx (esym (outputs_flatten ss), esym (inputs_flatten ss)) (monarch F))).1.
  by case: coarse => g e; exists g => i j; rewrite castmxE e.
by exists G; rewrite -eq castmx_comp castmx_id.
Qed.

(** Butterfly matrices of size 2^(a + b) are Monarch matrices of order 2, with radices 2^a and 2^b. *)
Lemma outputs_nseq p b : outputs (nseq p (b, b)) = (b ^ p)%N.
Proof. by elim: p => //= p ->; rewrite expnSr. Qed.

Lemma inputs_nseq p b : inputs (nseq p (b, b)) = (b ^ p)%N.
Proof. by elim: p => //= p ->; rewrite expnS. Qed.

Corollary butterfly_is_monarch a b m n (A : 'M[R]_(m, n)) :
  staged (nseq (a + b)%N (2, 2)%N) A -> staged [:: (2 ^ a, 2 ^ a); (2 ^ b, 2 ^ b)]%N A.
Proof.
move=> fine; have := @group_stages [::] [:: nseq a (2, 2)%N; nseq b (2, 2)%N] _ _ A.
by rewrite /= cats0 /merged !outputs_nseq !inputs_nseq -nseqD; apply.
Qed.

(** B B* in M M*: with a transposed factor, whose radices are reversed. *)
Corollary product_is_coarser (ss : seq radices) l m n (B : 'M[R]_(l, m)) (C : 'M[R]_(n, m)) :
  staged (flatten ss) B -> staged (flatten ss) C ->
  staged (map merged ss) B /\ staged (reversed (map merged ss)) C^T.
Proof.
move=> /(@group_stages [::]) coarse_B /(@group_stages [::]) coarse_C; split=> //.
exact: transpose_staged.
Qed.

End Coarser.

Print Assumptions merge_stages.
Print Assumptions group_stages.
Print Assumptions coarser_is_monarch.
Print Assumptions butterfly_is_monarch.
Print Assumptions product_is_coarser.
