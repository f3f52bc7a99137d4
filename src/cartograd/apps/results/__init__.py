"""What came of a verb, with no verb in it: the verbs fill these, reports and pages draw them."""
