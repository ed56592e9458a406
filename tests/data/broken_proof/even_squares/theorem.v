From mathcomp Require Import all_ssreflect.

Theorem even_squares n : ~~ odd (n ^ 2).
Proof. by []. Qed.

Print Assumptions even_squares.
