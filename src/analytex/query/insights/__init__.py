"""Questions asked of the events: trends, funnels, retention, and what there is most of."""
