(** Every permutation of a grid is three permutations, of which the first and the last move within rows, and the second
    within columns: Hall's theorem, an edge colouring of a regular bipartite multigraph (Koenig), and the routing. *)
From mathcomp Require Import all_ssreflect fingroup perm.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Section Hall.

Variables (L M : finType) (r : L -> M -> bool) (other : M).
Implicit Types (A X Y : {set L}) (B : {set M}).

Definition neighbours X : {set M} := [set b | [exists a in X, r a b]].

Lemma neighboursU X Y : neighbours (X :|: Y) = neighbours X :|: neighbours Y.
Proof.
apply/setP => b; rewrite !inE; apply/exists_inP/orP.
  by case=> a; rewrite inE => /orP [] in_X ab; [left|right]; apply/exists_inP; exists a.
by case=> /exists_inP [a in_X ab]; exists a; rewrite ?inE ?in_X ?orbT.
Qed.

Definition matched A B : Prop :=
  exists m : L -> M, {in A &, injective m} /\ forall a, a \in A -> (m a \in B) && r a (m a).

Theorem hall A B : (forall X, X \subset A -> #|X| <= #|neighbours X :&: B|) -> matched A B.
Proof.
have [n] := ubnP #|A|; elim: n A B => // n IH A B; rewrite ltnS => le_n enough.
have [->|[a in_A]] := set_0Vmem A; first by exists (fun=> other); split=> [x y|x]; rewrite inE.
have [/existsP [X /and3P [X_A X_0 tight]]|loose] :=
  boolP [exists X : {set L}, [&& X \proper A, X != set0 & #|neighbours X :&: B| == #|X|]].
  have [sub_X _] := andP X_A.
  have [m1 [inj1 ok1]] : matched X B.
    apply: IH; first exact: leq_trans (proper_card X_A) le_n.
    by move=> Y Y_X; apply: enough; apply: subset_trans sub_X.
  have [m2 [inj2 ok2]] : matched (A :\: X) (B :\: neighbours X).
    apply: IH.
      apply: leq_trans (_ : #|A| <= n) => //; apply: proper_card; rewrite properEneq subsetDl andbT.
      apply: contraNneq X_0 => same; rewrite -subset0; apply/subsetP => x in_X.
      by have := subsetP sub_X x in_X; rewrite -same inE in_X.
    move=> Y Y_A; have := enough (X :|: Y); rewrite subUset sub_X (subset_trans Y_A (subsetDl _ _)) => /(_ isT).
    have apart : [disjoint X & Y].
      by rewrite -setI_eq0 -subset0; apply/subsetP => x; rewrite inE => /andP [in_X /(subsetP Y_A)]; rewrite inE in_X.
    rewrite cardsU (disjoint_setI0 apart) cards0 subn0 neighboursU setIUl -(eqP tight) => le.
    rewrite -(leq_add2l #|neighbours X :&: B|); apply: leq_trans le _; rewrite [X in X <= _](_ : _ =
      #|(neighbours X :&: B) :|: (neighbours Y :&: (B :\: neighbours X))|); first by rewrite cardsU leq_subr.
    by congr #|pred_of_set _|; apply/setP => b; rewrite !in_setU !in_setI in_setD; do 3!case: (b \in _).
  exists (fun x => if x \in X then m1 x else m2 x).
  have side2 x : x \in A -> x \notin X -> (m2 x \in B :\: neighbours X) && r x (m2 x).
    by move=> x_A x_X; apply: ok2; rewrite inE x_X.
  have cross x y : x \in X -> y \in A -> y \notin X -> m1 x <> m2 y.
    move=> x_X y_A y_X same; have /andP [] := side2 y y_A y_X; rewrite inE -same => /andP [/negP away _] _.
    by case: away; rewrite inE; apply/exists_inP; exists x => //; have /andP [] := ok1 x x_X.
  split=> [x y x_A y_A|x x_A].
    case: ifPn => x_X; case: ifPn => y_X same.
    - exact: inj1 same.
    - by case: (cross x y).
    - by case: (cross y x).
    by apply: inj2 same; rewrite inE ?x_X ?y_X.
  case: ifPn => x_X; first exact: ok1.
  by have /andP [] := side2 x x_A x_X; rewrite inE => /andP [_ ->] ->.
have [b /setIP [ab in_B]] : exists b, b \in neighbours [set a] :&: B.
  by apply/set0Pn; rewrite -card_gt0; apply: leq_trans (enough [set a] _); rewrite ?cards1 ?sub1set.
have {ab} ab : r a b by move: ab; rewrite inE => /exists_inP [x]; rewrite inE => /eqP ->.
have [m [inj ok]] : matched (A :\ a) (B :\ b).
  apply: IH; first by apply: leq_trans le_n; rewrite [X in _ < X](cardsD1 a) in_A.
  move=> Y Y_A; have [->|Y_0] := eqVneq Y set0; first by rewrite cards0.
  have Y_less : Y \proper A.
    by apply: (sub_proper_trans Y_A); rewrite properD1.
  have more : #|Y| < #|neighbours Y :&: B|.
    rewrite ltn_neqAle enough ?(proper_sub Y_less) // andbT eq_sym; apply/negP => tight.
    by case/negP: loose; apply/existsP; exists Y; rewrite Y_less Y_0.
  rewrite -ltnS; apply: leq_trans more _; rewrite setIDA (cardsD1 b (_ :&: B)) addnC -addn1 leq_add2l; exact: leq_b1.
exists (fun x => if x == a then b else m x); split=> [x y x_A y_A|x x_A].
  have away z : z \in A -> z != a -> m z != b.
    by move=> z_A z_a; have := ok z; rewrite !inE z_a z_A => /(_ isT) /andP [/andP []].
  case: eqP => [-> |/eqP x_a]; case: eqP => [-> |/eqP y_a] // same.
  - by have := away y y_A y_a; rewrite -same eqxx.
  - by have := away x x_A x_a; rewrite same eqxx.
  by apply: inj same; rewrite !inE ?x_a ?y_a.
case: eqP => [->|/eqP x_a]; first by rewrite in_B.
by have := ok x; rewrite !inE x_a x_A => /(_ isT) /andP [/andP [_ ->]].
Qed.

End Hall.

(** Edges of a multigraph, in a set S; f and g are their ends. *)
Section Colouring.

Variables (E V : finType) (f g : E -> V).

Definition regular (p : nat) (S : {set E}) : Prop :=
  forall v, #|[set e in S | f e == v]| = p /\ #|[set e in S | g e == v]| = p.

Lemma degrees (h : E -> V) p (S : {set E}) (X : {set V}) :
  (forall v, #|[set e in S | h e == v]| = p) -> #|[set e in S | h e \in X]| = #|X| * p.
Proof.
move=> each; rewrite -sum1_card (partition_big h (mem X)) /=; last by move=> e; rewrite inE => /andP [].
rewrite -sum_nat_const; apply: eq_bigr => v in_X; rewrite -[RHS](each v) -sum1_card; apply: eq_bigl => e.
by rewrite !inE -andbA; case: eqP => [->|]; rewrite ?in_X ?andbF.
Qed.

(** A set of edges that meets every vertex on either side exactly once. *)
Lemma matching p (S : {set E}) (v0 : V) : regular p.+1 S ->
  exists e : V -> E, [/\ forall v, e v \in S, forall v, f (e v) = v & injective (g \o e)].
Proof.
move=> all; pose r v w := [exists e in S, (f e == v) && (g e == w)].
have [m [inj ok]] : matched r [set: V] [set: V].
  apply: (hall v0) => X _; rewrite setIT -(leq_pmul2r (ltn0Sn p)).
  rewrite -(degrees (h := f) (S := S)); last by move=> v; have [] := all v.
  rewrite -(degrees (h := g) (S := S)); last by move=> v; have [] := all v.
  apply: subset_leq_card; apply/subsetP => e; rewrite !inE => /andP [in_S in_X]; rewrite in_S /=.
  by apply/exists_inP; exists (f e) => //; apply/exists_inP; exists e; rewrite ?eqxx.
have some v : exists e, [&& e \in S, f e == v & g e == m v].
  by have /andP [_ /exists_inP [e in_S ends]] := ok v (in_setT v); exists e; rewrite in_S.
have [e ok_e] := fin_all_exists some.
exists e; split=> [v|v|v w /=]; first by have /and3P [] := ok_e v.
  by have /and3P [_ /eqP] := ok_e v.
have /and3P [_ _ /eqP ->] := ok_e v; have /and3P [_ _ /eqP ->] := ok_e w.
by apply: inj; rewrite inE.
Qed.

Definition proper_colouring p (S : {set E}) (c : E -> nat) : Prop :=
  [/\ forall e, e \in S -> c e < p, forall e d, e \in S -> d \in S -> f e = f d -> c e = c d -> e = d
    & forall e d, e \in S -> d \in S -> g e = g d -> c e = c d -> e = d].

(** Koenig: as many colours as edges at a vertex. *)
Theorem edge_colouring p (S : {set E}) : regular p S -> exists c, proper_colouring p S c.
Proof.
elim: p S => [|p IH] S all.
  have none e : e \notin S.
    have [/eqP] := all (f e); rewrite cards_eq0 => /eqP /setP /(_ e); by rewrite !inE eqxx andbT => ->.
  by exists (fun=> 0); split=> e; rewrite (negbTE (none e)).
have [none|[e0 _]] := set_0Vmem S; first by exists (fun=> 0); split=> e; rewrite none inE.
have [e [in_S ends inj]] := matching (f e0) all.
pose T := e @: [set: V]; have in_T v : e v \in T by apply: imset_f.
have onto v : exists w, g (e w) = v by exists (invF inj v); apply: (f_invF inj).
have once (h : E -> V) v w : h (e w) = v -> (forall x, h (e x) = v -> x = w) ->
    #|[set d in S | h d == v]| = p.+1 -> #|[set d in S :\: T | h d == v]| = p.
  move=> at_v only; rewrite (cardsD1 (e w)) !inE in_S at_v eqxx add1n => -[<-]; apply: eq_card => d.
  rewrite !inE; case d_S : (d \in S); rewrite ?andbF //=; case: eqP => [hd|]; rewrite ?andbF // !andbT.
  congr (~~ _); apply/imsetP/eqP => [[x _ d_x]|->]; last by exists w.
  by rewrite d_x (only x) // -d_x.
have [c [few of_f of_g]] : exists c, proper_colouring p (S :\: T) c.
  apply: IH => v; have [deg_f deg_g] := all v; split.
    by apply: once deg_f; [exact: ends | move=> x <-; rewrite ends].
  have [w w_v] := onto v; refine (once _ _ _ w_v _ deg_g) => x x_v.
  by apply: inj => /=; rewrite x_v w_v.
exists (fun d => if d \in T then p else c d); split=> [d d_S|d d' d_S d'_S|d d' d_S d'_S].
- by case: ifPn => d_T //; apply: ltnW; apply: few; rewrite inE d_T.
- case: ifPn => d_T; case: ifPn => d'_T ends_f same.
  + by move: d_T d'_T ends_f => /imsetP [x _ ->] /imsetP [y _ ->]; rewrite !ends => ->.
  + by have := few d'; rewrite inE d'_T d'_S -same ltnn => /(_ isT).
  + by have := few d; rewrite inE d_T d_S same ltnn => /(_ isT).
  by apply: of_f; rewrite ?inE ?d_T ?d'_T.
case: ifPn => d_T; case: ifPn => d'_T ends_g same.
- by move: d_T d'_T ends_g => /imsetP [x _ ->] /imsetP [y _ ->] /inj ->.
- by have := few d'; rewrite inE d'_T d'_S -same ltnn => /(_ isT).
- by have := few d; rewrite inE d_T d_S same ltnn => /(_ isT).
by apply: of_g; rewrite ?inE ?d_T ?d'_T.
Qed.

End Colouring.

(** The routing. Rows are i.1, places in a row i.2. *)
Section Routing.

Variables a b : nat.
Local Notation grid := ('I_a * 'I_b)%type.

Lemma row_degree (v : 'I_a) : #|[set x : grid in [set: grid] | x.1 == v]| = b.
Proof.
rewrite -[RHS]card_ord -(card_imset (f := fun t : 'I_b => (v, t)) _); last by move=> t t' [].
apply: eq_card => -[s t]; rewrite !inE /=; apply/eqP/imsetP => [->|[t' _ [-> _]] //]; by exists t.
Qed.

Theorem three_permutations (s : {perm grid}) : exists first middle last : {perm grid},
  [/\ forall x, (first x).1 = x.1, forall x, (middle x).2 = x.2, forall x, (last x).1 = x.1
    & forall x, s x = last (middle (first x))].
Proof.
pose f (x : grid) := x.1; pose g (x : grid) := (s x).1.
have [c [few of_f of_g]] : exists c, proper_colouring f g b [set: grid] c.
  apply: edge_colouring => v; split; first exact: row_degree.
  rewrite -[RHS](row_degree v) -(card_imset _ (@perm_inj _ s)); apply: eq_card => x; rewrite !inE /=.
  apply/imsetP/eqP => [[y]|x_v]; first by rewrite !inE => /eqP <- ->.
  by exists (s^-1 x)%g; [rewrite !inE /g permKV x_v eqxx | rewrite permKV].
pose k x : 'I_b := Ordinal (few x (in_setT x)).
have inj1 : injective (fun x : grid => (x.1, k x)).
  by move=> x y [same kk]; apply: of_f kk; rewrite ?inE.
pose first := perm inj1.
have inj2 : injective (fun x : grid => ((s x).1, k x)).
  by move=> x y [same kk]; apply: of_g kk; rewrite ?inE //; apply: val_inj.
pose middle := (first^-1 * perm inj2)%g.
exists first; exists middle; exists (middle^-1 * (first^-1 * s))%g.
have at_end x : middle (first x) = ((s x).1, k x) by rewrite permM permK permE.
split=> [x|x|x|x]; first by rewrite permE.
- by rewrite -[x](permKV first); move: (first^-1 x)%g => y; rewrite at_end permE.
- rewrite -[x](permKV middle); move: (middle^-1 x)%g => y; rewrite permM permK -[y](permKV first).
  by move: (first^-1 y)%g => z; rewrite permM permK at_end.
by rewrite permM permK permM permK.
Qed.

End Routing.

Print Assumptions hall.
Print Assumptions edge_colouring.
Print Assumptions three_permutations.
