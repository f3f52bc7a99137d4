"""Auto: many models tried on data within a time, the best kept, everything said."""
