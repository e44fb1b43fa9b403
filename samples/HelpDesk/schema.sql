-- The help desk's tables. Times are UTC and set by the application. Every statement may run again.
CREATE TABLE IF NOT EXISTS categories (
  id BIGINT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY categories_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS agents (
  id BIGINT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  email VARCHAR(200) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY agents_email (email)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- priority: 1 low, 2 normal, 3 high, 4 urgent. reference: the number in another system, for imported tickets.
-- An agent who leaves is taken off their tickets by the application; the database only guards that it was done.
CREATE TABLE IF NOT EXISTS tickets (
  id BIGINT NOT NULL AUTO_INCREMENT,
  subject VARCHAR(200) NOT NULL,
  status VARCHAR(10) NOT NULL DEFAULT 'new',
  priority INT NOT NULL DEFAULT 2,
  category_id BIGINT NOT NULL,
  assignee_id BIGINT NULL,
  opened_by VARCHAR(100) NOT NULL,
  opened_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  reference VARCHAR(40) NULL,
  PRIMARY KEY (id),
  UNIQUE KEY tickets_reference (reference),
  KEY tickets_worklist (status, priority, opened_at),
  KEY tickets_category (category_id, opened_at),
  KEY tickets_assignee (assignee_id),
  CONSTRAINT tickets_category_fk FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE RESTRICT,
  CONSTRAINT tickets_assignee_fk FOREIGN KEY (assignee_id) REFERENCES agents (id) ON DELETE RESTRICT,
  CONSTRAINT tickets_status_ck CHECK (status IN ('new', 'open', 'waiting', 'resolved', 'closed')),
  CONSTRAINT tickets_priority_ck CHECK (priority BETWEEN 1 AND 4)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS replies (
  id BIGINT NOT NULL AUTO_INCREMENT,
  ticket_id BIGINT NOT NULL,
  author VARCHAR(100) NOT NULL,
  by_agent TINYINT(1) NOT NULL,
  body TEXT NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id),
  KEY replies_ticket (ticket_id, created_at),
  CONSTRAINT replies_ticket_fk FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS ticket_tags (
  ticket_id BIGINT NOT NULL,
  tag VARCHAR(40) NOT NULL,
  PRIMARY KEY (ticket_id, tag),
  CONSTRAINT ticket_tags_ticket_fk FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- How far the import of a file has come, moved in the same transaction as the rows it made.
CREATE TABLE IF NOT EXISTS imports (
  file_hash CHAR(64) CHARACTER SET ascii NOT NULL,
  file_name VARCHAR(200) NOT NULL,
  rows_played INT NOT NULL,
  PRIMARY KEY (file_hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
