"""Decision trees and forests, what each feature did in them, and trees that stand for networks."""
