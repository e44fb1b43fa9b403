-- The alerts that must have been given on tickets that were there before anybody looked, at the time @now (UTC).
-- The settings are user variables; each has the usual value when it is not set:
--   SET @now = '2026-03-02 12:00:00.000', @urgent = 4, @minutes = 30, @rush = 20, @window = 60;
-- Tables have no history, so a ticket that is urgent now counts as urgent since it was opened.

SELECT 'urgent-ticket-unanswered' AS rule, t.id AS about,
       t.opened_at + INTERVAL COALESCE(@minutes, 30) MINUTE AS due, NULL AS openings
FROM tickets t
WHERE t.priority >= COALESCE(@urgent, 4)
  AND t.status NOT IN ('resolved', 'closed')
  AND NOT EXISTS (SELECT 1 FROM replies r WHERE r.ticket_id = t.id AND r.by_agent = 1)
  AND t.opened_at + INTERVAL COALESCE(@minutes, 30) MINUTE <= COALESCE(@now, UTC_TIMESTAMP(3))
UNION ALL
SELECT 'category-rush', t.category_id, NULL, COUNT(*)
FROM tickets t
WHERE t.opened_at > COALESCE(@now, UTC_TIMESTAMP(3)) - INTERVAL COALESCE(@window, 60) MINUTE
  AND t.opened_at <= COALESCE(@now, UTC_TIMESTAMP(3))
GROUP BY t.category_id
HAVING COUNT(*) > COALESCE(@rush, 20)
ORDER BY rule, about;
