"""Builds the open hand: a MANO-shaped hand model free to ship.

``python -m hand_object_recon.hand_model.open_hand.build BASE.npz`` makes
``hand_model/assets/open_hand.npz`` from the MIT-licensed base mesh named in ``NOTICE``.
"""
