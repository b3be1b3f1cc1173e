"""Methods of others, each derived anew from its paper: a view of the evidence in, classes to blame out, most suspicious first."""
