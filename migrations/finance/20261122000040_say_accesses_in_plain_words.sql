-- The access log's words for what this service's policy calls its actions and standings: what follows "Somebody ..." and
-- "Somebody asked to ...", and what follows "as".

insert into platform.access_text (kind, word, valid_from, text, asked, source) values
    ('action', 'AddPayer', '2000-01-01', 'added somebody who pays for your support', 'add somebody who pays for your support', 'Kith'),
    ('action', 'SetFunding', '2000-01-01', 'set how your support is paid for', 'set how your support is paid for', 'Kith'),
    ('action', 'ListFunding', '2000-01-01', 'looked at how your support is paid for', 'look at how your support is paid for', 'Kith'),
    ('action', 'ListUnsettledVisits', '2000-01-01', 'saw visits of yours that are not settled yet', 'see visits of yours that are not settled yet', 'Kith'),
    ('action', 'IssueInvoices', '2000-01-01', 'wrote invoices for your visits', 'write invoices for your visits', 'Kith'),
    ('action', 'GetInvoice', '2000-01-01', 'looked at an invoice for your support', 'look at an invoice for your support', 'Kith'),
    ('action', 'ListInvoices', '2000-01-01', 'saw invoices for your support in a list', 'see invoices for your support in a list', 'Kith'),
    ('action', 'RunPay', '2000-01-01', 'worked out pay for your visits', 'work out pay for your visits', 'Kith'),
    ('action', 'ListStatements', '2000-01-01', 'looked at statements of your pay', 'look at statements of your pay', 'Kith'),
    ('action', 'GetMonth', '2000-01-01', 'saw what your visits of a month came to', 'see what your visits of a month came to', 'Kith'),
    ('action', 'GetTrialBalance', '2000-01-01', 'saw the balance of your account among all accounts', 'see the balance of your account among all accounts', 'Kith'),
    ('action', 'GetCareCoins', '2000-01-01', 'looked at your Care Coins', 'look at your Care Coins', 'Kith'),
    ('action', 'GiveCareCoins', '2000-01-01', 'gave Care Coins', 'give Care Coins', 'Kith'),
    ('basis', 'owner', '2000-01-01', 'the Owner of the Team', '', 'Kith'),
    ('basis', 'finance_hat', '2000-01-01', 'somebody who wears the finance hat of the Circle', '', 'Kith');
