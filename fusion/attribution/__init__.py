"""Why a model says what it says: Captum adapters, exact Shapley values over modalities, and checks of both."""
