"""Inverse kinematics: from 21 joints to pose, shape and translation of a hand model.

``solver.py`` solves one hand in NumPy, ``batched.py`` batches in torch. Both start from the
analytic swing solution of gSDF's appendix B and take a few damped least-squares steps.
"""
