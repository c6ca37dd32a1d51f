"""Does a selection beat chance? Trainings, their losses and what they prove."""
