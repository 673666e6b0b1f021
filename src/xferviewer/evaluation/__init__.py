"""Evaluation: predictions, ROC, operating points, referral, calibration and significance. No torch, no Qt."""
