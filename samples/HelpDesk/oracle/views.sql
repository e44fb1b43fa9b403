-- What the views should show, asked of the tables themselves.

-- Open tickets, the most urgent first and of these the oldest. since: how long it has been open.
SELECT id, subject, priority, status, opened_at AS since
FROM tickets
WHERE status NOT IN ('resolved', 'closed')
ORDER BY priority DESC, opened_at, id;

-- What hangs on each ticket.
SELECT t.id,
       (SELECT COUNT(*) FROM replies r WHERE r.ticket_id = t.id) AS replies,
       (SELECT COUNT(*) FROM replies r WHERE r.ticket_id = t.id AND r.by_agent = 1) AS agent_replies,
       (SELECT COUNT(*) FROM ticket_tags g WHERE g.ticket_id = t.id) AS tags
FROM tickets t
ORDER BY t.id;
